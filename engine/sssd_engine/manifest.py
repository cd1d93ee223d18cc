"""The manifest of an engine folder: what is in it, how to feed it, and the hashes that prove it unchanged.

Runtime half: the standard library only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sssd_engine.fields import MANIFEST as MANIFEST
from sssd_engine.manifest_fields import ManifestError, check_entries, check_plain
from sssd_engine.settling import settled

FORMAT = 5
_MEANING = ("inputs", "outputs", "horizons", "quantile_levels", "latent_shape", "network_in_use", "scheduler",
            "tableau", "num_inference_steps", "num_calls", "precision", "spec", "test_start",
            "random_walk_window")  # fmt: skip
_PART_MEANING = ("name", "stages", "runtime", "precision", "solver")
_LARGEST_MANIFEST = 64 << 20
# A protocol buffer's own limit.
_LARGEST_GRAPH = 2 << 30


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
    """Hash the content of a manifest, however it is laid out."""
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


def meaning(manifest: Mapping[str, Any]) -> str:
    """A hash of what the graphs were built for. They have it too, and so no entry of it can be another's.

    Args:
        manifest: of its ``parts`` no more is needed than is hashed.
    """
    what = {name: manifest[name] for name in _MEANING}
    parts = [{name: part.get(name) for name in _PART_MEANING} for part in manifest["parts"]]
    return _digest({**what, "parts": parts})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest, check its entries and its hash, and the hash of every file it names.

    Raises:
        EngineError: no manifest, another format, an entry that is not what it has to be, a missing file, a link, or a
            file (itself, too) that was changed.
    """
    with opened(folder) as place:
        return _checked(place)


def _checked(folder: Path) -> dict[str, Any]:
    manifest = _parsed(folder)
    if manifest.get("format") != FORMAT:
        raise EngineError(f"{folder}/{MANIFEST} is not of format {FORMAT}, which this version reads: export anew")
    if manifest.pop("sha256", None) != _digest(manifest):
        raise EngineError(f"{folder}/{MANIFEST} was changed since it was exported (its SHA-256 differs): export anew")
    try:
        check_entries(manifest)
    except ManifestError as error:
        raise EngineError(f"{folder}/{MANIFEST} is no engine's: {error}: export anew") from None
    for name, digest in manifest["files"].items():
        _check_file(folder / name, digest)
    return manifest


def _parsed(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        if path.is_symlink():
            raise EngineError(f"{path} is a link: copy the engine folder's files themselves (cp -rL)")
        with path.open("rb") as stream:
            text = stream.read(_LARGEST_MANIFEST + 1)
        if len(text) > _LARGEST_MANIFEST:
            raise EngineError(f"{path} is damaged (longer than {_LARGEST_MANIFEST >> 20} MiB): export anew")
        manifest = json.loads(text)
        check_plain(manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise EngineError(f"{folder} is not an engine folder: it has no {MANIFEST}") from None
    except RecursionError:
        raise EngineError(f"{path} is damaged (nested without end): export anew") from None
    except EngineError:
        raise
    except (ValueError, OSError) as error:  # of JSON, of UTF-8, or a number of thousands of digits
        raise EngineError(f"{path} is damaged ({error}): export anew") from None
    if not isinstance(manifest, dict):
        raise EngineError(f"{path} is not of format {FORMAT}, which this version reads: export anew")
    return manifest


def _check_file(file: Path, digest: str) -> None:
    """Refuse a file that is not the one that was exported, before anything opens it."""
    try:
        if file.is_symlink():
            raise EngineError(f"{file} is a link: copy the engine folder's files themselves (cp -rL)")
        if not file.is_file():
            raise EngineError(f"{file} is missing: export anew")
        if file.suffix == ".onnx" and file.stat().st_size > _LARGEST_GRAPH:
            raise EngineError(f"{file} is damaged (larger than an ONNX graph can be): export anew")
        seen = sha256(file)
    except OSError as error:
        raise EngineError(f"{file} cannot be read ({error.strerror}): export anew") from None
    if seen != digest:
        raise EngineError(f"{file} is not the file that was exported (its SHA-256 differs): export anew")
