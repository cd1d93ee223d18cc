"""``sssd-export web ENGINE DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sssd_export.cli.shared_options import EngineFolder


def web(
    engine: EngineFolder,
    out: Annotated[Path, typer.Argument(help="folder to write, static files for any server")],
) -> None:
    """Write a page that runs an engine in the browser: it takes a CSV file, and draws fan and paths."""
    from sssd_export.web.write_page import write_page

    size = write_page(engine, out)
    typer.echo(
        f"{out}: {size / 1e6:.1f} MB, needs no network; python3 -m http.server -d {out} serves it at"
        " http://localhost:8000"
    )
