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

    A cache that cannot be read or written is none.
    """
    try:
        kept = cache_folder() / key
    except RuntimeError:  # a user without a home
        return compile_part(folder)
    try:
        entries: dict[str, Any] = json.loads((kept / _ENTRIES).read_text(encoding="utf-8"))
        for file in kept.iterdir():
            if file.name != _ENTRIES:
                shutil.copy(file, folder / file.name)
        return entries
    except (OSError, ValueError):
        shutil.rmtree(kept, ignore_errors=True)  # what is damaged; mostly there is nothing
    before = set(folder.iterdir())
    entries = json.loads(json.dumps(compile_part(folder)))  # as it would come from the cache
    try:
        with atomic_directory(kept, owner=None) as new:
            for file in set(folder.iterdir()) - before:
                shutil.copy(file, new / file.name)
            (new / _ENTRIES).write_text(json.dumps(entries), encoding="utf-8")
    except (OSError, SSSDError):
        pass
    return entries
