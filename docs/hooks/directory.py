"""The directory of plugins, from what ``sssd plugins`` lists."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any
from unittest import mock

OURS = "sssd-registry"
_TITLES = {
    "head": "Noise heads",
    "scheduler": "Schedulers",
    "sampler": "Loop samplers",
    "target": "Export targets",
    "tracker": "Experiment trackers",
    "metric": "Metrics",
}
_ASKED = {
    "head": "`sssd train … --set model.head=NAME`",
    "scheduler": "`--scheduler NAME`, or `NAME:option=value,…`",
    "sampler": "`--scheduler NAME`, as schedulers are",
    "tracker": "`sssd train … --set 'training.trackers=[\"NAME\"]'`, or `NAME:option=value`",
    "metric": "`sssd evaluate … --metric NAME`, or `NAME:option=value`",
    "target": "`sssd-export build … --target NAME`, or `NAME:option=value,…`",
}

ABOUT = """\
# Plugins

Schedulers, loop samplers, noise heads, export targets, experiment trackers and metrics are plugins, ours like anyone's.
`sssd plugins` lists what is installed beside you, and why something cannot be used.
[Writing one](tutorials/write-a-plugin.md) takes a module and an entry point.

Plugins by others: none is known to us yet. To have yours listed here, open an issue with its name and its repository.
"""


def entries() -> list[dict[str, Any]]:
    """The project's own entries of ``sssd plugins --json``."""
    from sssd_registry.cli import main

    out = io.StringIO()
    argv = ["sssd", "plugins", "--json"]
    with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    listed: list[dict[str, Any]] = json.loads(out.getvalue())
    return [entry for entry in listed if entry["distribution"] == OURS]


def plugins_page() -> str:
    """Ours by kind, with their options; then the schedulers of diffusers that cannot be used, each with the reason."""
    listed = entries()
    parts = [ABOUT]
    for kind, title in _TITLES.items():
        usable = [one for one in listed if one["kind"] == kind and not _never(one)]
        rows = [
            f"| `{one['name']}` | {one['summary']} | {_options(one)} | {one['distribution']} {one['version']} |"
            for one in usable
        ]
        table = "\n".join(["| name | | options | from |", "|---|---|---|---|", *rows])
        parts += [f"## {title}\n\nAsked for by {_ASKED[kind]}.", table]
    never = [one for one in listed if _never(one)]
    rows = [f"| `{one['name']}` | {one['status'].partition('unavailable: ')[2]} |" for one in never]
    parts += [
        "## Schedulers of diffusers that are not offered\n\nThey cannot sample a forecast.",
        "\n".join(["| name | why |", "|---|---|", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def _options(entry: dict[str, Any]) -> str:
    return "<br>".join(f"`{name}: {text}`".replace("|", "\\|") for name, text in entry["options"].items())


def _never(entry: dict[str, Any]) -> bool:
    """Tell whether it is listed only for the reason why it cannot be used."""
    return bool(entry["summary"] == "of diffusers")
