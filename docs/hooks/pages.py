"""Pages that are written from the code whenever the site is built, so that they cannot go stale.

mkdocs calls :func:`on_files`. Nothing here imports torch: commands, settings and plugins are read from typer, pydantic
and ``sssd plugins --json``, docstrings by mkdocstrings from the source.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), *(str(ROOT / folder) for folder in (".", "plugins", "export", "engine"))]

from commands import commands_page  # noqa: E402
from configuration import configuration_page  # noqa: E402
from directory import plugins_page  # noqa: E402
from docstrings import module_pages, python_page  # noqa: E402

WRITTEN: dict[str, Callable[[], str]] = {
    "reference/cli.md": commands_page,
    "reference/configuration.md": configuration_page,
    "reference/python.md": lambda: python_page(ROOT),
    "plugins.md": plugins_page,
}


def on_config(config: Any) -> Any:
    """Put the pages of the rooms into the navigation."""
    reference = next(entry["Reference"] for entry in config["nav"] if isinstance(entry, dict) and "Reference" in entry)
    reference.append({"Modules": list(module_pages(ROOT))})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add every written page."""
    from mkdocs.structure.files import File

    pages = {path: make() for path, make in WRITTEN.items()} | module_pages(ROOT)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files
