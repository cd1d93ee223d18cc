"""A command that a launcher, torchrun or accelerate, started several times: the first process speaks for all."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from sssd_registry.errors import SSSDError
from sssd_registry.training.launch import launched

_SHARING = ("train", "distill")
# Seconds in which the first process says what is wrong, and its launcher ends the others.
_PATIENCE = 5.0


def begin(words: list[str]) -> None:
    """Refuse a command that would do the same work in every process, and write the same files; join for the others.

    They join before anything can go wrong in one of them, as no process then waits for one that has ended.

    Raises:
        SSSDError: it is one.
    """
    command = next((word for word in words if not word.startswith("-")), None)
    count = launched()[1]
    if count == 1 or command is None:
        return
    if command not in _SHARING:
        raise SSSDError(
            f"{command} runs in one process, and a launcher started {count}: run it without torchrun or accelerate,"
            f" which share the work of {' and '.join(_SHARING)} alone"
        )
    from sssd_registry.training.processes import joined

    joined()


@contextmanager
def as_one() -> Iterator[None]:
    """Let the block print in the first process only; another one's error is told where that says nothing."""
    index, count = launched()
    if index == 0:
        yield
    else:
        said = io.StringIO()
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(said):
                yield
        except SystemExit as end:
            if end.code not in (0, None, 130):
                time.sleep(_PATIENCE)
                last = (said.getvalue().splitlines() or [""])[-1]
                print(f"process {index}: {last}", file=sys.stderr)
            raise
    if count > 1 and "torch" in sys.modules:
        from sssd_registry.training.processes import part

        part()
