"""Files and folders that are written complete or not at all, whatever ends the process or the machine.

What is being written is in a hidden folder beside its target or, where the target is a folder already, inside it. It is
on the disk before the rename that makes it count. In a folder that is there, only files that a save wrote are replaced;
how that is one moment is in :mod:`sssd_engine.settling`, which whoever reads such a folder uses too.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from sssd_engine.settling import COMMIT, GONE, finish, held, settled, sync
from sssd_registry.errors import SSSDError
from sssd_registry.files.folder_kinds import Kind
from sssd_registry.files.staging import is_hidden, staged, sweep, sync_tree

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path, of the same name, that becomes ``path`` when the block ends without error.

    Raises:
        SSSDError: the folder does not exist, or the file cannot be written (a full disk, no permission). An
            earlier file of that name is then as it was.
    """
    check_file(path)
    with _users_errors(path):
        target = Path(os.path.realpath(path))  # so that a link is followed, not replaced
        with staged(target.parent) as stage:
            new = stage / target.name
            yield new
            if target.exists():
                shutil.copymode(target, new)
            sync(new)
            os.replace(new, target)
            sync(target.parent)


def check_file(path: str | Path) -> None:
    """Refuse now what :func:`atomic_file` would refuse later, after hours of work perhaps.

    Raises:
        SSSDError: ``path`` is a folder or a device, or there is no folder to write it in.
    """
    with _users_errors(path):
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise SSSDError(f"{path} cannot be written: there is no folder {target.parent}; create it first")
        if target.is_dir():
            raise SSSDError(f"{path} cannot be written: it is a folder; name a file in it")
        if target.exists() and not target.is_file():
            raise SSSDError(f"{path} cannot be written: it is no file but a device or pipe; name a file")


@contextmanager
def atomic_directory(path: str | Path, *, owner: Kind | None) -> Iterator[Path]:
    """Give a new folder whose files are those of ``path`` when the block ends without error.

    Folders above ``path`` are created. Of an earlier folder of the kind, the files that were written as its parts are
    replaced, or go where no new file has their name; all else in it stays. Whatever fails, and whenever the process is
    killed, ``path`` has the old files or the new ones.

    Args:
        path: the folder to write.
        owner: the kind of folder; ``None`` for one that may only be new or empty.

    Raises:
        SSSDError: ``path`` is a file or somebody else's folder, which is found out before the block runs, or
            it cannot be written (a full disk, no permission).
    """
    check_replaceable(path, owner=owner)
    with _users_errors(path):
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with staged(target if target.is_dir() else target.parent) as stage:
            yield (new := _empty(stage))
            _put(new, target, path, owner)


def check_replaceable(path: str | Path, *, owner: Kind | None) -> None:
    """Refuse now what :func:`atomic_directory` would refuse later, after hours of work perhaps.

    Raises:
        SSSDError: ``path`` is a file, or a folder with other things that is not of the kind, or unreadable.
    """
    with _users_errors(path):
        target = Path(os.path.realpath(path))
        if not target.exists():
            above = next(parent for parent in target.parents if parent.exists())
            if not above.is_dir():
                raise SSSDError(f"{path} cannot be written: {above} is a file, not a folder")
            return
        if not target.is_dir():
            raise SSSDError(f"{path} is a file: name a folder to write")
        with settled(target) as folder:
            _written(folder, path, owner)


def remove_directory(path: str | Path, *, owner: Kind) -> None:
    """Remove what was written as parts of the folder, all in one moment, and the folder when nothing else is in it.

    Raises:
        SSSDError: it is not of the kind, or cannot be removed.
    """
    with _users_errors(path):
        target = Path(os.path.realpath(path))
        if not target.is_dir():
            return
        with staged(target) as stage:
            _put(_empty(stage), target, path, owner)
        if not any(target.iterdir()):
            target.rmdir()


def _empty(stage: Path) -> Path:
    """A folder in it: ``stage`` itself is locked, and what is written is read before it counts, to be checked."""
    (stage / "new").mkdir()
    return stage / "new"


def _put(new: Path, target: Path, path: str | Path, owner: Kind | None) -> None:
    """Put the files in ``new`` in place of those in ``target`` that a save wrote."""
    sync_tree(new)
    if not target.exists():
        try:
            os.rename(new, target)
            sync(target.parent)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # another was faster
                raise
    with held(target):
        finish(target)
        old = _written(target, path, owner)
        names = {file.relative_to(new).as_posix() for file in new.rglob("*") if file.is_file()}
        for name in sorted(names - old):
            if (there := _in_the_way(target, name)) is not None:
                raise SSSDError(
                    f"{path} holds {there}, which is not one of the files that a save wrote in it: move it, or name"
                    " another folder"
                )
        (new / GONE).write_text(json.dumps(sorted(old - names)), encoding="utf-8")
        sync(new / GONE)
        sync(new)
        os.rename(new, target / COMMIT)
        sync(target)
        finish(target)


def _in_the_way(target: Path, name: str) -> str | None:
    """Return what of ``name``, folders above it too, exists as something else than a folder of ``target`` itself."""
    for parent in reversed(PurePosixPath(name).parents[:-1]):
        if os.path.lexists(target / parent) and (os.path.islink(target / parent) or not (target / parent).is_dir()):
            return str(parent)
    return name if os.path.lexists(target / name) else None


def _written(folder: Path, path: str | Path, owner: Kind | None) -> frozenset[str]:
    """Files in ``folder`` that may be replaced.

    Raises:
        SSSDError: it holds other things, and is not of the kind.
    """
    if all(is_hidden(entry.name) for entry in folder.iterdir()):
        return frozenset()
    if owner is None:
        raise SSSDError(f"{path} is there already, with files in it: name another folder")
    if not (folder / owner.marker).is_file():
        raise SSSDError(
            f"{path} holds other files and no {owner.marker}, so it is not ours to replace: name another folder"
        )
    written = owner.written(folder)
    if written is None:
        raise SSSDError(
            f"{path} is not ours to replace, as its {owner.marker} is damaged or of another project: name another"
            f" folder, or delete it first if it was a {owner.noun} of yours"
        )
    return written


@contextmanager
def _users_errors(path: str | Path) -> Iterator[None]:
    """Raise the user's error where the file system's comes.

    An error about a file elsewhere, which the block may read, passes.
    """
    try:
        yield
    except Exception as error:
        # safetensors and pyarrow report a full disk by texts of their own, with the system's words inside.
        for code in _FULL:
            if not isinstance(error, SSSDError) and os.strerror(code) in str(error):
                raise SSSDError(f"{path} cannot be written: {os.strerror(code)}") from error
        if isinstance(error, OSError) and _is_about(error, path):
            raise SSSDError(f"{path} cannot be written: {error.strerror or error}") from error
        raise


def _is_about(error: OSError, path: str | Path) -> bool:
    if not isinstance(error.filename, str):
        return True
    folder = os.path.dirname(os.path.realpath(path))
    return os.path.realpath(error.filename).startswith(folder)
