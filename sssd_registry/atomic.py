"""Files and folders that are written complete or not at all.

What is being written has a temporary name in the folder of its target, so that the last step is a rename.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sssd_registry.errors import SSSDError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path, of the same suffix, that becomes ``path`` when the block ends without error.

    Raises:
        SSSDError: the folder does not exist, or the file cannot be written (a full disk, no permission). An
            earlier file of that name is then as it was.
    """
    target = Path(path).resolve()  # so that a link is followed, not replaced
    if not target.parent.is_dir():
        raise SSSDError(f"{path} cannot be written: there is no folder {target.parent}; create it first")
    if target.is_dir():
        raise SSSDError(f"{path} cannot be written: it is a folder; name a file in it")
    new = _beside(target)
    try:
        yield new
        os.replace(new, target)
    except Exception as error:
        _raise_if_unwritable(path, error)
        raise
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path, *, owner: str) -> Iterator[Path]:
    """Give a new folder that takes the place of ``path`` when the block ends without error.

    Folders above ``path`` are created. The earlier folder is put aside only for the moment of the swap:
    whatever fails before or during it, it is there again, as it was.

    Args:
        path: the folder to write.
        owner: a file that every folder of this kind holds, such as ``model_index.json``. A folder that holds
            other things, and not this file, is never replaced.

    Raises:
        SSSDError: ``path`` is a file or somebody else's folder, which is found out before the block runs, or
            it cannot be written (a full disk, no permission).
    """
    check_replaceable(path, owner=owner)
    target = Path(path).resolve()
    new = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        yield new
        _swap(new, target)
    except Exception as error:
        _raise_if_unwritable(path, error)
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _beside(target: Path) -> Path:
    """A name of our own next to ``target``, with its suffix, as some writers go by that."""
    return target.with_name(f".{secrets.token_hex(4)}-{target.name}")


def check_replaceable(path: str | Path, *, owner: str) -> None:
    """Refuse now what :func:`atomic_directory` would refuse later, after hours of work perhaps.

    Raises:
        SSSDError: ``path`` is a file, or a folder with other things and no ``owner``, or unreadable.
    """
    target = Path(path).resolve()
    try:
        if not target.exists():
            return
        if not target.is_dir():
            raise SSSDError(f"{path} is a file: name a folder to write")
        if any(target.iterdir()) and not (target / owner).is_file():
            raise SSSDError(
                f"{path} holds other files and no {owner}, so it is not ours to replace: name another folder"
            )
    except OSError as error:
        _raise_if_unwritable(path, error)


def _swap(new: Path, target: Path) -> None:
    if not target.exists():
        os.rename(new, target)
        return
    # No call that is portable exchanges two folders, so there are two renames, the first of which can be
    # undone.
    old = _beside(target)
    try:
        os.rename(target, old)
        os.rename(new, target)
    except BaseException:
        if old.exists() and not target.exists():
            os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _raise_if_unwritable(path: str | Path, error: Exception) -> None:
    """Raise the user's error if ``error`` is the file system's."""
    # safetensors and pyarrow report a full disk by texts of their own, with the system's words inside.
    for code in _FULL:
        if os.strerror(code) in str(error):
            raise SSSDError(f"{path} cannot be written: {os.strerror(code)}") from error
    if isinstance(error, OSError):
        raise SSSDError(f"{path} cannot be written: {error.strerror or error}") from error
