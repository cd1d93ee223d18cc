"""The manifest of an engine folder: what is in it, how to feed it, and the hashes that prove it unchanged.

Runtime half: the standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sssd_export.settling import settled

MANIFEST = "manifest.json"
FORMAT = 4


class EngineError(ValueError):
    """An engine folder, or what an engine was fed, is not what it should be."""


def sha256(file: Path) -> str:
    """Hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, with the hash of every other file in ``folder`` and, last, of its own entries."""
    files = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}
    body = {"format": FORMAT, **manifest, "files": files}
    text = json.dumps({**body, "sha256": _digest(body)}, indent=1)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _digest(entries: dict[str, Any]) -> str:
    """Of what a manifest says, however it is laid out."""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """Give the folder to read from, held still: the engine of exactly one export, also after it was killed.

    Raises:
        EngineError: another process does not let go of it, or the disk fails.
    """
    with ExitStack() as stack:
        try:
            place = stack.enter_context(settled(folder))
        except OSError as error:
            raise EngineError(f"{folder} cannot be read: {error.strerror or error}") from error
        yield place


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest and check its hash, and that of every file it names.

    Raises:
        EngineError: no manifest, another format, a missing file, or a file (itself, too) that was changed.
    """
    with opened(folder) as place:
        return _checked(place)


def _checked(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineError(f"{folder} is not an engine folder: it has no {MANIFEST}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise EngineError(f"{folder}/{MANIFEST} is damaged ({error}): export anew") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise EngineError(f"{folder}/{MANIFEST} is not of format {FORMAT}, which this version reads: export anew")
    if manifest.pop("sha256", None) != _digest(manifest):
        raise EngineError(f"{folder}/{MANIFEST} was changed since it was exported (its SHA-256 differs): export anew")
    for name, digest in manifest["files"].items():
        if Path(name).name != name:
            raise EngineError(f"{folder}/{MANIFEST} names {name!r}, which is not in the folder")
        if not (folder / name).is_file():
            raise EngineError(f"{folder}/{name} is missing: export anew")
        if sha256(folder / name) != digest:
            raise EngineError(f"{folder}/{name} is not the file that was exported (its SHA-256 differs): export anew")
    return manifest
