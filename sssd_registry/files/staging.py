"""Hidden folders, where files are written before they count; locked while their process lives."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sssd_engine.settling import COMMIT, release, sync, try_lock

PREFIX = ".sssd-"


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """Give a new folder in ``parent`` that is gone when the block ends, unless it was renamed.

    What processes that were killed left there is swept first.

    Raises:
        OSError: no folder can be made there.
    """
    sweep(parent)
    while True:
        path = parent / f"{PREFIX}{secrets.token_hex(4)}"
        path.mkdir()
        with suppress(FileNotFoundError):  # swept by another before it was locked
            descriptor = try_lock(path)
            if descriptor is not None and path.is_dir():
                break
            release(descriptor)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        release(descriptor)


def sync_tree(folder: Path) -> None:
    """Make the disk hold all of ``folder``, whose files get the permissions that the umask gave the folder.

    safetensors writes files that only their owner can read.
    """
    mode = folder.stat().st_mode & 0o666
    for root, _, files in os.walk(folder, topdown=False):
        for name in files:
            os.chmod(os.path.join(root, name), mode)
            sync(Path(root, name))
        sync(Path(root))


def sweep(parent: Path) -> None:
    """Remove what processes that were killed left in ``parent``.

    A lock tells it from what others are writing. It goes with its process, and holds across containers, which a
    process's number does not.
    """
    with suppress(OSError):  # a folder that cannot be listed: writing into it tells what is wrong
        for entry in os.scandir(parent):
            if is_hidden(entry.name) and entry.name != COMMIT and entry.is_dir(follow_symlinks=False):
                _remove_if_left(Path(entry.path))


def is_hidden(name: str) -> bool:
    """Tell whether it is the name of a folder for temporary files of ours."""
    return name.startswith(PREFIX)


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):
        descriptor = try_lock(path, without=False)
        if descriptor is not None:
            shutil.rmtree(path, ignore_errors=True)
            release(descriptor)
