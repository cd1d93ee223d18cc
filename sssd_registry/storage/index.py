"""``model_index.json``: what marks a folder as a model of ours, and the hashes that prove its files unchanged.

It is the index that diffusers puts into a pipeline's folder, with entries of our own, whose names begin with ``_`` as
diffusers' own do:

_files      SHA-256 of every other file of the model, by its name in the folder
_pending    the same of a file that is being replaced: for as long as it is here, either hash will do
_sha256     of all the other entries

Files beside a model's (a README, a ``.git``) are no part of it. An index that lost its hashes is refused, unless it is
about to be signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file
from sssd_registry.files.folder_kinds import MODEL, MODEL_FILES
from sssd_registry.files.json_file import MAX_BYTES, read_json, validated

MARKER = MODEL.marker
CONFIG, WEIGHTS, EXAMPLES, SCHEDULER, SAMPLING = FILES = MODEL_FILES

REMEDY = "copy the whole model folder again, or train anew"

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Index(BaseModel):
    """Content of ``model_index.json``: the class of each part and the library it comes from, and the hashes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_name: Literal["SSSDPipeline"] = Field(alias="_class_name")
    scheduler: tuple[str, str]
    files: dict[str, Digest] | None = Field(None, alias="_files")
    pending: dict[str, Digest] = Field({}, alias="_pending")
    sha256: Digest | None = Field(None, alias="_sha256")

    @property
    def hashed(self) -> bool:
        """Tell whether there is anything to check files against."""
        return self.files is not None


def read_index(folder: Path, *, trust: bool = False) -> Index:
    """Read the index; it has to be as it was written.

    Args:
        folder: a model folder.
        trust: take it as it is: somebody is about to sign it.

    Raises:
        SSSDError: no model folder, or an index that is damaged, was changed, or names files elsewhere.
    """
    if not (folder / MARKER).is_file():
        reason = "no such folder" if not folder.exists() else f"it has no {MARKER}"
        raise SSSDError(f"{folder} is not a model folder: {reason}")
    file = own_file(folder, MARKER)
    entries = read_json(file, REMEDY)
    index = validated(Index, entries, file, REMEDY)
    if not trust and (index.hashed or index.pending or index.sha256) and index.sha256 != _digest(entries):
        raise SSSDError(changed(folder, MARKER))
    for name in {**(index.files or {}), **index.pending}:
        _check_name(folder, name)
    return index


def check_hashed(folder: Path, index: Index) -> None:
    """Raise SSSDError where there are no hashes to check files against."""
    if not index.hashed:
        raise SSSDError(f"{folder / MARKER} has lost the hashes of the model's files: {_remedy(folder, MARKER)}")


def check_files(folder: Path, index: Index) -> None:
    """Compare every file of a model with its hash.

    Raises:
        SSSDError: names the first that is missing, was changed, or came in beside them.
    """
    for name, state in file_states(folder, index).items():
        if state == "missing":
            raise SSSDError(f"{folder / name} is missing: {_remedy(folder, name)}")
        if state == "changed":
            raise SSSDError(changed(folder, name))
        if state == "added":
            raise SSSDError(
                f"{folder / name} was not saved with the model: delete it, or accept it with"
                f" `sssd check {folder} --sign`"
            )


def file_states(folder: Path, index: Index) -> dict[str, str]:
    """``as saved``, ``changed``, ``missing`` or ``added`` for every file of a model; ``not hashed`` where none is.

    Raises:
        SSSDError: a file that is a link to somewhere else.
    """
    known = {**(index.files or {}), **index.pending}
    names = [*FILES, *(name for name in known if name not in FILES)]
    return {name: state for name in names if (state := _state(folder, index, name))}


def _state(folder: Path, index: Index, name: str) -> str:
    allowed = {hashes[name] for hashes in (index.files or {}, index.pending) if name in hashes}
    file = own_file(folder, name)
    if not file.is_file():
        return "missing" if name in (index.files or {}) else ""
    if not index.hashed:
        return "not hashed"
    if not allowed:
        return "added"
    too_large = name.endswith(".json") and file.stat().st_size > MAX_BYTES
    return "as saved" if not too_large and sha256(file) in allowed else "changed"


def changed(folder: Path, name: str) -> str:
    """The message for a file that is not what its hash says."""
    return f"{folder / name} was changed since the model was saved (its SHA-256 differs): {_remedy(folder, name)}"


def _remedy(folder: Path, name: str) -> str:
    mine = "to go on without it" if name == SAMPLING else "if you changed it yourself"
    return f"copy the whole model folder again, or `sssd check {folder} --sign` {mine}"


def write_index(folder: Path, entries: Mapping[str, Any]) -> None:
    """Write the index of a folder whose other files are all there."""
    kept = {name: value for name, value in entries.items() if name not in ("_files", "_pending", "_sha256")}
    present = [name for name in FILES if (folder / name).is_file()]
    _write(folder, {**kept, "_files": {name: sha256(folder / name) for name in present}})


def replace_file(folder: Path, name: str, text: str) -> None:
    """Write one of the model's files anew, and its hash.

    A reader at any moment, or after a crash at any moment, finds a folder in which file and index agree.

    Raises:
        SSSDError: the index is damaged or lost its hashes, or something cannot be written.
    """
    index, entries = read_index(folder), read_json(folder / MARKER, REMEDY)
    check_hashed(folder, index)
    new = hashlib.sha256(text.encode()).hexdigest()
    if index.pending and _state(folder, index, name) == "as saved":  # a crash left it: which one is there?
        entries["_files"] = {**entries["_files"], name: sha256(folder / name)}
    _write(folder, {**entries, "_pending": {name: new}})
    with atomic_file(folder / name) as file:
        file.write_bytes(text.encode())
    entries.pop("_pending", None)
    _write(folder, {**entries, "_files": {**entries["_files"], name: new}})


def _write(folder: Path, entries: dict[str, Any]) -> None:
    body = {name: value for name, value in entries.items() if name != "_sha256"}
    with atomic_file(folder / MARKER) as file:
        file.write_text(json.dumps({**body, "_sha256": _digest(body)}, indent=1))


def sha256(file: Path) -> str:
    """Hex digest of a file."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SSSDError(f"{file} cannot be read: {error.strerror}") from None


def digest(entries: Mapping[str, Any]) -> str:
    """Hash the content of a JSON object, however it is laid out."""
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _digest(entries: Mapping[str, Any]) -> str:
    return digest({name: value for name, value in entries.items() if name != "_sha256"})


def _check_name(folder: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or str(path) != name or "\0" in name:
        raise SSSDError(f"{folder / MARKER} names {name[:100]!r}, which is no file in the folder: {REMEDY}")


def own_file(folder: Path, name: str) -> Path:
    """The path of a file of the model, after making sure that it is no link to somewhere else.

    Raises:
        SSSDError: it is; only the Hub's cache, whose files are links to the blobs beside them, may.
    """
    file = folder / name
    try:
        root, real = folder.resolve(), file.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise SSSDError(f"{file} cannot be read: {error}") from None
    caches = [parent.parent / "blobs" for parent in root.parents if parent.name == "snapshots"]
    if not any(real.is_relative_to(place) for place in (root, *caches)):
        raise SSSDError(f"{file} is a link to {real}, outside of the model folder: copy the file itself there")
    return file
