"""``sssd-export targets``."""

from __future__ import annotations


def targets() -> None:
    """List what can be built here, and whether it can be run here."""
    from rich.markup import escape
    from rich.table import Table

    from sssd_registry.cli.table import print_table
    from sssd_registry.plugin_api.registry import registry

    table = Table("target", "status", "precisions", "summary", box=None, header_style="bold")
    for entry in sorted(registry().entries, key=lambda entry: entry.name):
        if entry.kind == "target":
            row = (entry.name, entry.status_text, " ".join(entry.spec.precisions), entry.summary)
            table.add_row(*map(escape, row))
    print_table(table, width=140)
