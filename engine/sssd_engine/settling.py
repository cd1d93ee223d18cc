"""Reading a folder that may be in the middle of a replacement.

Of a folder that is there already, new files are first written in a hidden folder inside it. One rename of that to
``COMMIT`` is the moment that counts: before it the old files hold, after it the new ones, and whoever opens the folder
next moves those that a killed writer left there. Files of others beside ours are never touched.

Only the standard library. Engine folders are read by it, and sssd-registry writes and reads its folders by it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on this system: as if nobody else were there
    fcntl = None  # type: ignore[assignment]

COMMIT = ".sssd-commit"
# In it, the names that are to go because no new file takes their place.
GONE = ".gone.json"
_PATIENCE = 60.0  # seconds: a replacement takes milliseconds, and reading a model seconds
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def settled(folder: Path) -> Iterator[Path]:
    """Hold a folder still while it is read: a replacement that was cut short is completed, and none starts meanwhile.

    Gives ``folder`` or, where completing it needs a permission that we lack, a temporary copy of what ``folder`` would
    then be.

    Raises:
        OSError: another process holds the folder for longer than a minute, or the disk fails.
    """
    descriptor = _wait_for(folder, shared=True) if folder.is_dir() else None
    while (folder / COMMIT).is_dir():
        release(descriptor)
        if not _completed(folder):
            with tempfile.TemporaryDirectory() as place:
                yield _completed_copy(folder.resolve(), Path(place) / "copy")
            return
        descriptor = _wait_for(folder, shared=True)
    try:
        yield folder
    finally:
        release(descriptor)


def _completed(folder: Path) -> bool:
    """Complete the replacement; false where we are not allowed to."""
    try:
        with held(folder):
            finish(folder)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        return False
    return True


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep readers and other writers out of a folder.

    Raises:
        OSError: another process holds it for longer than a minute.
    """
    descriptor = _wait_for(folder, shared=False)
    try:
        yield
    finally:
        release(descriptor)


def finish(folder: Path) -> None:
    """Complete the replacement in ``folder``, if there is one; cut short, it can be called again."""
    commit = folder / COMMIT
    if not commit.is_dir():
        return
    if (commit / GONE).is_file():
        for name in json.loads((commit / GONE).read_text(encoding="utf-8")):
            (folder / name).unlink(missing_ok=True)
            if (folder / name).parent != folder:
                with suppress(OSError):  # it holds other files
                    (folder / name).parent.rmdir()
        for file in sorted(each for each in commit.rglob("*") if not each.is_dir() and each.name != GONE):
            place = folder / file.relative_to(commit)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, place)
            if place.parent != folder:
                sync(place.parent)
        sync(folder)
        (commit / GONE).unlink()  # from here on there is nothing to do but to tidy up
    shutil.rmtree(commit)


def try_lock(path: Path, *, shared: bool = False, without: bool = True) -> int | None:
    """A descriptor that holds ``path`` until it is released, or ``None`` where another holds it.

    Args:
        path: file or folder.
        shared: with others who only read.
        without: what to make of a system without locks: whether ``path`` then counts as held by us.

    Raises:
        OSError: ``path`` cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if fcntl is None:
            raise OSError(errno.ENOLCK, "no locks")
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        if not without:
            os.close(descriptor)
            return None
    return descriptor


def release(descriptor: int | None) -> None:
    """Let go of what :func:`try_lock` gave."""
    if descriptor is not None:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Make the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has no such thing for folders
            raise
    finally:
        os.close(descriptor)


def _wait_for(folder: Path, *, shared: bool) -> int | None:
    """The lock, or nothing where the folder may not be listed, as then there is nothing to open it by."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            descriptor = try_lock(folder, shared=shared)
        except PermissionError:
            return None
        if descriptor is not None:
            return descriptor
        if time.monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "another process keeps reading or writing it", str(folder))
        time.sleep(0.01)


def _completed_copy(folder: Path, copy: Path) -> Path:
    """The files of ``folder``, in the state that completing would give."""

    def hidden(_: str, names: list[str]) -> list[str]:
        return [name for name in names if name.startswith(".") and name not in (COMMIT, GONE)]

    shutil.copytree(folder, copy, ignore=hidden)
    finish(copy)
    return copy
