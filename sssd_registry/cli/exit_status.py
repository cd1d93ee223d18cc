"""End of a command: 0; 2 and one line for what the user can mend; 130 after Ctrl-C. Warnings too."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from typing import TextIO

import typer


def run_app(app: typer.Typer) -> None:
    """Run a typer application; bugs keep their traceback, and what the machine refuses is no bug."""
    from sssd_registry.cli.several import as_one

    _prepare()
    with as_one():
        _run(app)


def _run(app: typer.Typer) -> None:
    from sssd_registry.cli.several import begin
    from sssd_registry.errors import DataWarning, SolverWarning, SSSDError, TrackerWarning

    try:
        begin(sys.argv[1:])
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            warnings.simplefilter("always", SolverWarning)
            warnings.simplefilter("always", TrackerWarning)
            warnings.showwarning = _show
            app()
    except SSSDError as error:
        fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename is not None:
            fail(f"{os.fsdecode(error.filename)}: {reason}")
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            fail(f"standard output cannot be written: {reason}")
        fail(reason)
    except KeyboardInterrupt:
        sys.exit(130)


def _prepare() -> None:
    """Make up for what the surroundings lack: it would end a command with a traceback, or with nothing said."""
    for stream in (sys.stdout, sys.stderr):
        # An id or a table's sign that the terminal's encoding lacks is written as \\xe9; no forecast is lost by it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # Where there is no home to write in, matplotlib says that it takes a temporary folder for its cache.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        os.getcwd()
    except OSError:
        fail("the working folder is gone, deleted or moved away: change to one that is there, and run this again")


def fail(message: str) -> None:
    """Print one line on standard error and end with exit code 2."""
    typer.echo("error: " + " ".join(message.split()), err=True)
    sys.exit(2)


_SHOW = warnings.showwarning


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A word of ours is one line on standard error; other warnings look as Python makes them."""
    from sssd_registry.errors import DataWarning, SolverWarning, TrackerWarning

    if issubclass(category, DataWarning | SolverWarning | TrackerWarning):
        typer.echo("warning: " + " ".join(str(message).split()), err=True)
    else:
        _SHOW(message, category, filename, lineno, file, line)
