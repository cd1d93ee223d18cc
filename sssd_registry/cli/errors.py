"""How a command ends: 0; 2 and one line for what the user can mend; 130 after Ctrl-C."""

from __future__ import annotations

import errno
import sys

import typer


def run_app(app: typer.Typer) -> None:
    """Run a typer application; bugs keep their traceback."""
    from sssd_registry.errors import SSSDError

    try:
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
