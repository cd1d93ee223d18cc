"""Opening a folder that was written here, and holding the place of one that is being worked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sssd_engine.settling import release, settled, try_lock
from sssd_registry.errors import SSSDError
from sssd_registry.files.folder_kinds import Kind
from sssd_registry.files.staging import PREFIX

_CLAIM = f"{PREFIX}claim"


@contextmanager
def opened(path: Path, kind: Kind) -> Iterator[Path]:
    """Give the folder to read from, held still: exactly what one save wrote, also after a writer was killed.

    Raises:
        SSSDError: another process does not let go of it, or the disk fails.
    """
    with ExitStack() as stack:
        try:
            _put_back(path, kind)
            place = stack.enter_context(settled(path))
        except OSError as error:
            raise SSSDError(f"{path} cannot be read: {error.strerror or error}") from error
        yield place


def _put_back(path: Path, kind: Kind) -> None:
    """Give a folder its name again that an earlier version had put aside, beside it, when it was killed."""
    target = Path(os.path.realpath(path))
    if os.path.lexists(target) or not target.parent.is_dir():
        return
    aside = re.compile(rf"\.[0-9a-f]{{8}}-{re.escape(target.name)}")
    with suppress(OSError):  # a folder that cannot be listed or changed: there is nothing then
        found = [each for each in target.parent.iterdir() if aside.fullmatch(each.name) and kind.written(each)]
        if found:
            os.rename(max(found, key=lambda each: (each / kind.marker).stat().st_mtime_ns), target)


@contextmanager
def claimed(folder: Path, refusal: str) -> Iterator[None]:
    """Keep a folder, made where there is none, from other processes that claim it, for as long as the block runs.

    Raises:
        SSSDError: ``refusal``, where another has claimed it; or the folder cannot be made.
    """
    try:
        descriptor = _claim(folder)
    except OSError as error:
        raise SSSDError(f"{folder} cannot be written: {error.strerror or error}") from error
    if descriptor is None:
        raise SSSDError(refusal)
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / _CLAIM).unlink()
            folder.rmdir()  # where nothing came of it
        release(descriptor)


def is_claimed(folder: Path) -> bool:
    """Tell whether a living process has claimed the folder."""
    try:
        descriptor = try_lock(folder / _CLAIM)
    except OSError:
        return False
    release(descriptor)
    return descriptor is None


def _claim(folder: Path) -> int | None:
    file = folder / _CLAIM
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # removed with its folder, by the process that had it
            file.touch()
            descriptor = try_lock(file)
            if descriptor is None or os.path.samestat(os.fstat(descriptor), os.stat(file)):
                return descriptor
            release(descriptor)
