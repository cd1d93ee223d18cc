"""Compiled parts, kept from build to build: what was compiled once from the same graph is copied.

In ``$SSSD_CACHE``, or else in ``~/.cache/sssd-registry``. A key is a hash of the graph with its weights, the target
with its version and settings, precision, calibration data and machine. The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sssd_engine.manifest import sha256
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory

_ENTRIES = "entries.json"


def cache_folder() -> Path:
    """Return the folder where compiled parts are kept."""
    return Path(os.environ.get("SSSD_CACHE") or Path.home() / ".cache" / "sssd-registry") / "engines"


def build_key(graph: bytes, *settings: Any) -> str:
    """Hash all that a build depends on: the graph, whatever else is given, and the machine."""
    digest = hashlib.sha256(graph)
    digest.update(json.dumps([*settings, platform.machine(), platform.system()], default=str).encode())
    return digest.hexdigest()


def cached(key: str, folder: Path, compile_part: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The entries and files of the build ``key``: from the cache, or by ``compile_part(folder)``, and then kept.

    A cache that cannot be read or written is none. Nor is a build in it whose files are not, by their hashes, those
    that were kept: cut off, changed, or somebody else's.
    """
    try:
        kept = cache_folder() / key
    except RuntimeError:  # a user without a home
        return compile_part(folder)
    try:
        return _copied(kept, folder)
    except OSError:
        pass  # mostly there is nothing
    except (ValueError, TypeError, KeyError, AttributeError):
        shutil.rmtree(kept, ignore_errors=True)  # what is damaged
    before = set(folder.iterdir())
    entries: dict[str, Any] = json.loads(json.dumps(compile_part(folder)))  # as it would come from the cache
    made = [file for file in folder.iterdir() if file not in before]
    try:
        with atomic_directory(kept, owner=None) as new:
            for file in made:
                shutil.copy(file, new / file.name)
            stored = {"entries": entries, "files": {file.name: sha256(new / file.name) for file in made}}
            (new / _ENTRIES).write_text(json.dumps(stored), encoding="utf-8")
    except (OSError, SSSDError):  # no room, no permission, or another process was faster
        pass
    return entries


def _copied(kept: Path, folder: Path) -> dict[str, Any]:
    """Copy a build's files into ``folder``, all or none; returns its entries.

    Raises:
        OSError: there is none, or it cannot be copied.
        ValueError, TypeError, KeyError, AttributeError: it is not what was kept.
    """
    stored = json.loads((kept / _ENTRIES).read_text(encoding="utf-8"))
    entries: dict[str, Any] = dict(stored["entries"])
    copied: list[Path] = []
    try:
        for name, digest in stored["files"].items():
            if Path(name).name != name or name == _ENTRIES:
                raise ValueError(f"{name} is not in the folder")
            if not (kept / name).is_file():
                raise ValueError(f"{name} is no file")
            copied.append(folder / name)
            shutil.copy(kept / name, folder / name)
            if sha256(folder / name) != digest:
                raise ValueError(f"{name} was changed")
    except BaseException:
        for file in copied:
            file.unlink(missing_ok=True)
        raise
    return entries
