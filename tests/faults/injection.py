"""Ending a writer between any two of its file operations, as ``kill -9`` or a power failure would.

The functions of ``os`` that change a disk are counted; before the n-th, the writer is ended by an exception that none
of its own code sees: every function of the list raises it from then on, so that nothing is tidied up any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any
from unittest import mock

OPERATIONS = ("open", "mkdir", "rename", "replace", "unlink", "rmdir", "chmod", "fsync", "link", "symlink", "remove")


class Killed(BaseException):
    """End of the process, as an exception."""


class Disk:
    """Counts file operations, and lets only the first ``most`` happen."""

    def __init__(self, most: float) -> None:
        self.most, self.done = most, 0

    def guard(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            if self.done >= self.most:
                raise Killed
            self.done += 1
            return operation(*arguments, **options)

        return guarded


def killed_after(most: float, write: Callable[[], object]) -> int:
    """Call ``write`` until it asks for more than ``most`` operations; returns how many there were.

    Its locks are let go as the system does at the end of a process: descriptors that it left open are closed.
    """
    disk, opened, closed = Disk(most), os.open, os.close
    left: set[int] = set()

    def open_one(*arguments: Any, **options: Any) -> int:
        left.add(descriptor := opened(*arguments, **options))
        return descriptor

    def close_one(descriptor: int) -> None:
        if disk.done < disk.most:  # a process that was killed closes nothing itself
            left.discard(descriptor)
            closed(descriptor)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(os, "close", close_one))
        for name in OPERATIONS:
            operation = open_one if name == "open" else getattr(os, name)
            stack.enter_context(mock.patch.object(os, name, disk.guard(operation)))
        with suppress(Killed):
            write()
    for descriptor in left:
        os.close(descriptor)
    return disk.done


def every_kill(write: Callable[[], object], prepare: Callable[[], object]) -> Iterator[int]:
    """Before each operation of ``write``: prepare, kill it there, and give the number for the caller to look."""
    prepare()
    operations = killed_after(float("inf"), write)
    for most in range(operations):
        prepare()
        killed_after(most, write)
        yield most
