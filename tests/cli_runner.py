"""The commands in this process, as the console scripts run them: far faster than a process each."""

from __future__ import annotations

import contextlib
import io
import re
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

_TOLD = re.compile(r"data: |[a-z]+: \d+( of \d+)?, ")


@dataclass(frozen=True)
class Outcome:
    """Outcome of a command."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Standard error without what was understood of the data and, on a slow machine, lines of progress."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not _TOLD.match(line))


def run(main: Callable[[], None], *arguments: object) -> Outcome:
    """Call a console script's function with ``arguments``; whatever is no SystemExit is a bug and passes."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["sssd", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = 0 if end.code is None else end.code
    assert isinstance(code, int), code
    return Outcome(code, out.getvalue(), err.getvalue())


def sssd(*arguments: object) -> Outcome:
    """``sssd ARGUMENTS``."""
    from sssd_registry.cli import main

    return run(main, *arguments)


def sssd_export(*arguments: object) -> Outcome:
    """``sssd-export ARGUMENTS``."""
    from sssd_export.cli import main

    return run(main, *arguments)


def error_line(outcome: Outcome) -> str:
    """The one line that a user's error ends with."""
    assert outcome.code == 2, (outcome.code, outcome.out, outcome.err)
    assert outcome.out == ""
    err = outcome.words
    assert err.startswith("error: "), outcome.err
    assert err.count("\n") == 1, outcome.err
    assert err.endswith("\n")
    return err.removeprefix("error: ").rstrip("\n")


def tree(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def full_disk(limit: int = 0) -> Iterator[None]:
    """A disk that takes ``limit`` bytes of each file: writes fail as the system makes them fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
