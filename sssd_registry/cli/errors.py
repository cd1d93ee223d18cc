"""How a command ends: 0; 2 and one line for what the user can mend; 130 after Ctrl-C. And what it warns of."""

from __future__ import annotations

import errno
import sys
import warnings
from typing import TextIO

import typer


def run_app(app: typer.Typer) -> None:
    """Run a typer application; bugs keep their traceback."""
    from sssd_registry.errors import DataWarning, SSSDError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            warnings.showwarning = _show
            app()
    except SSSDError as error:
        fail(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            fail(f"{error.filename or 'standard output'} cannot be written: {error.strerror}")
        raise
    except KeyboardInterrupt:
        sys.exit(130)


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
    """A word about the data is one line on standard error; other warnings look as Python makes them."""
    from sssd_registry.errors import DataWarning

    if issubclass(category, DataWarning):
        typer.echo("warning: " + " ".join(str(message).split()), err=True)
    else:
        _SHOW(message, category, filename, lineno, file, line)
