"""Collection of all that a page shows: forecasts are made and scored once, and every part is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sssd_registry.evaluation.evaluate import score_rivals
from sssd_registry.evaluation.rivals import Rivals
from sssd_registry.report.data_facts import columns_table, gaps_table, pictures
from sssd_registry.report.fans import LEVELS, evenly, fans, room_for
from sssd_registry.report.quality import calibrations, crps_by_horizon, functional_rows

# Menus of more would not be read, and take the room that forecasts need.
_TARGETS, _SERIES, _HORIZONS = 8, 12, 96


@dataclass(frozen=True)
class About:
    """Subject of a page, beside forecasts.

    Attributes:
        name: of the model or engine.
        summary: the line that tells what was understood of the data.
        settings: name and value of each setting.
        split: starts of validation and test part, seconds since 1970 UTC, as far as they are known.
        front: as :func:`~sssd_registry.report.front.read_front` gives it, or None.
    """

    name: str
    summary: str
    settings: Sequence[Sequence[str]]
    split: tuple[int | None, int]
    front: dict[str, Any] | None = None


def collect(made: Rivals, frame: pd.DataFrame, about: About, origins: int) -> dict[str, Any]:
    """Everything on the page, as JSON has it.

    Args:
        made: forecasts of the scored windows.
        frame: the data, as :func:`~sssd_registry.data.frame.read_frame` gives them.
        about: what else there is to tell.
        origins: forecasts to look at, of each series.
    """
    spec, result = made.source.spec, score_rivals(made)
    columns = list(range(min(len(spec.targets), _TARGETS)))
    at = evenly(len(made.horizons), _HORIZONS)
    scored = np.unique(made.origins.series)
    series = scored[: min(_SERIES, room_for(len(at) * len(columns)))].tolist()
    targets = [spec.targets[column] for column in columns]
    gaps, longest = gaps_table(made.source.panel, spec)
    return {
        "name": about.name,
        "summary": about.summary,
        "windows": f"{result.windows:,} windows, {_moment(result.start)} to {_moment(result.end)} UTC",
        "left_out": _left_out(
            targets=len(spec.targets) - len(targets),
            series=len(scored) - len(series),
            horizons=len(made.horizons) - len(at),
        ),
        "unit": "log-return since the origin" if spec.target_kind == "log-return" else "",
        "targets": targets,
        "parts": [*(["all targets, scaled"] if len(spec.targets) > 1 else []), *targets],
        "series": [made.source.panel.series[index].id for index in series],
        "horizons": [made.horizons[k] for k in at],
        "levels": list(LEVELS),
        "fans": fans(made, columns, series, at, origins),
        "scores": {"names": list(result.scores), "rows": _rows(result.rows())},
        "crps": crps_by_horizon(made, columns, at),
        "calibration": calibrations(made, columns, at),
        "functionals": functional_rows(result, targets),
        "data": {
            "columns": columns_table(frame, spec),
            "gaps": gaps,
            "longest_gaps": longest,
            "pictures": pictures(made.source.panel, spec, columns, series),
            "split": [None if start is None else _moment(np.datetime64(start, "s")) for start in about.split],
        },
        "settings": [list(row) for row in about.settings],
        "front": about.front,
    }


def _rows(rows: dict[str, dict[str, str]]) -> list[list[str]]:
    """A row for each score: its name, then each forecaster's."""
    return [[label, *(one[label] for one in rows.values())] for label in next(iter(rows.values()))]


def _moment(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def _left_out(**counts: int) -> str:
    parts = [f"{count:,} more {what}" for what, count in counts.items() if count > 0]
    return f"{', '.join(parts)} are scored and not drawn" if parts else ""
