"""Trade between time and score of many solvers or engines, from what ``compare`` and ``auto`` found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sssd_registry.errors import SSSDError
from sssd_registry.files.folder_kinds import ENGINE
from sssd_registry.files.json_file import read_json


def read_front(path: Path) -> dict[str, Any]:
    """Points of time and CRPS, with the front marked.

    Args:
        path: what ``sssd compare --json`` printed, or an engine of ``sssd-export auto``: its folder or manifest.

    Raises:
        SSSDError: neither, or damaged.
    """
    file = path / ENGINE.marker if path.is_dir() else path
    found = points_of(read_json(file, "give what sssd compare --json printed, or an engine of sssd-export auto"))
    if found is None:
        raise SSSDError(
            f"{path} has no rows of solvers: give what `sssd compare --json` printed,"
            " or an engine of `sssd-export auto`"
        )
    return found


def own_front(model: Path) -> dict[str, Any] | None:
    """The same of an engine that ``sssd-export auto`` made; None for others, and for models."""
    file = model / ENGINE.marker
    return points_of(read_json(file, "export anew")) if file.is_file() else None


def points_of(tree: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same of a file that was read; None where it holds neither."""
    search = tree.get("search")
    rows = search.get("engines") if isinstance(search, Mapping) else tree.get("rows")
    if not isinstance(rows, list) or not rows:
        return None
    from sssd_registry.comparison.table import pareto  # imports torch, which the report of an engine does without

    points = [_point(row) for row in rows]
    if any(point is None for point in points):
        return None
    kept = [point for point in points if point is not None]
    on_front = pareto(kept, lambda point: (point["milliseconds"], point["crps"]))
    return {"points": [point | {"front": point in on_front} for point in kept]}


def _point(row: object) -> dict[str, Any] | None:
    """Label, time and score of a row; None where one of them is missing or no number."""
    if not isinstance(row, Mapping):
        return None
    label = row.get("label") or f"{row.get('scheduler')}-{row.get('steps')}"
    costs = [row.get("milliseconds"), row.get("crps")]
    if not all(isinstance(cost, int | float) and math.isfinite(cost) for cost in costs):
        return None
    return {"label": str(label), "milliseconds": costs[0], "crps": costs[1]}
