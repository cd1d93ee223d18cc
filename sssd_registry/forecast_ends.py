"""Forecast of every series in data from its last row: what ``sssd forecast`` does, of one file or of many."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from sssd_registry.data.end_windows import end_windows
from sssd_registry.data.origins import Origins, last_origins
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.windows import WindowSource
from sssd_registry.errors import LeftOutWarning
from sssd_registry.forecast import Forecast
from sssd_registry.forecaster import Forecaster
from sssd_registry.horizons import check_horizons, forecast_of_series


@dataclass(frozen=True)
class Ends:
    """A forecast, and what it starts from."""

    forecast: Forecast
    source: WindowSource
    origins: Origins


def forecast_ends(
    forecaster: Forecaster,
    data: Data | Panel,
    *,
    horizons: Sequence[float | str] | None,
    num_samples: int,
    seed: int,
) -> Ends:
    """Forecast every series that is long enough, and of which is told what has to be known; warns of the others.

    Raises:
        SSSDError: unusable data, no series that is long enough, or horizons that were not trained.
    """
    source = read_windows(data, forecaster.spec)
    windows, origins = end_windows(source, math.ceil(max(check_horizons(horizons, forecaster.spec))))
    made = forecaster(windows, horizons=horizons, num_samples=num_samples, seed=seed)
    return Ends(forecast_of_series(made, source, origins), source, origins)


def left_out(ends: Ends) -> list[tuple[str, str]]:
    """Series that have no forecast, and why."""
    panel, made = ends.source.panel, set(ends.forecast.series.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)
        long = {panel.series[index].id for index in last_origins(ends.source).series}
    lacks = "rows to be forecast are missing: what is known ahead (data.known) has to be told of each"
    short = [
        (one.id, lacks if one.id in long else f"too few bars: {len(one.times)}")
        for one in panel.series
        if one.id not in made
    ]
    return [*panel.left_out.items(), *short]
