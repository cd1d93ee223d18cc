"""Tables on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def print_table(table: Table, width: int) -> None:
    """Print; in a file or a pipe, where there is no width to fit, ``width`` characters wide."""
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=width)).print(table)
