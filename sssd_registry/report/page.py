"""A page as one file: text, style, script, plotly and data, with nothing to fetch."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from sssd_registry.errors import SSSDError
from sssd_registry.extras import require
from sssd_registry.files.atomic import atomic_file, check_file


def check_page(path: str | Path) -> None:
    """Refuse now what :func:`write_page` would refuse after minutes of forecasts.

    Raises:
        SSSDError: plotly is not installed, the ending is not ``.html``, or there is no such folder.
    """
    require("plotly", "a report")
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise SSSDError(f"{path}: a report is a page, written as .html")
    check_file(path)


def write_page(content: dict[str, Any], path: str | Path) -> None:
    """Write the page.

    Args:
        content: as :func:`~sssd_registry.report.collect.collect` gives it.
        path: the file, ``.html``.

    Raises:
        SSSDError: as :func:`check_page`, or the file cannot be written.
    """
    check_page(path)
    from plotly.offline import get_plotlyjs

    room = files("sssd_registry.report")
    text = Template((room / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(str(content["name"])),
        style=(room / "page.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        script=(room / "page.js").read_text(encoding="utf-8"),
        content=embedded(content),
    )
    with atomic_file(path) as new:
        new.write_text(text, encoding="utf-8")


def embedded(content: object) -> str:
    """JSON that may stand within a script element: no text in it ends the element or begins a comment."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
