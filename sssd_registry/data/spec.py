"""What the data are, settled once and saved with the model: columns, bar, timeframes, horizons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import default_columns, default_targets, find_roles
from sssd_registry.data.defaults import default_horizons, default_timeframes, season_length
from sssd_registry.data.durations import format_duration, parse_duration, parse_horizons
from sssd_registry.data.frame import check_columns, number_column, read_frame, source_name
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.resample import Role, bin_starts
from sssd_registry.data.timestamps import find_time_column
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class Timeframe:
    """One view of the past.

    Attributes:
        name: its length as text, such as ``4h``.
        seconds: its length.
        lookback: L_tf, how many of its complete bars a window holds.
    """

    name: str
    seconds: int
    lookback: int


class DataSpec(BaseModel):
    """How a frame becomes windows. Saved as JSON with a model and in an engine's manifest.

    Attributes:
        time: time column.
        id: column naming the series of a panel, or None for a frame that is one series.
        columns: the V value columns.
        roles: what each of them is, parallel to ``columns``; decides how it is aggregated.
        targets: the C columns that are forecast, all among ``columns``.
        target_kind: whether the model forecasts the value or its log-return since the origin.
        timestamps: which end of its row a timestamp marks.
        source_seconds: length of a row of the frame.
        bar_seconds: length of a bar: rows are resampled to it where it is longer than ``source_seconds``.
        timeframes: finest first; the first one is the bar itself.
        horizons: in bars, ascending.
        season: in bars: a day, or else a week, or else a year, as the data have them; 1 where none fits.
        validation_fraction: part of the rows, by time.
        test_fraction: part of the rows, by time, the last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: str
    id: str | None
    columns: tuple[str, ...]
    roles: tuple[Role, ...]
    targets: tuple[str, ...]
    target_kind: Literal["level", "log-return"]
    timestamps: Literal["start", "end"]
    source_seconds: int
    bar_seconds: int
    timeframes: tuple[Timeframe, ...]
    horizons: tuple[int, ...]
    season: int
    validation_fraction: float
    test_fraction: float

    @property
    def target_indices(self) -> tuple[int, ...]:
        """Positions of the targets among the columns."""
        return tuple(self.columns.index(name) for name in self.targets)

    @property
    def base(self) -> Timeframe:
        """The finest timeframe: the bar itself."""
        return self.timeframes[0]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.roles) != len(self.columns) or not self.targets or not set(self.targets) <= set(self.columns):
            raise ValueError("one role for each column, and targets among the columns, expected")
        if not self.timeframes or self.base.seconds != self.bar_seconds:
            raise ValueError("the first timeframe must be the bar")
        return self


def resolve(config: DataConfig, frame: pd.DataFrame) -> DataSpec:
    """Settle everything that ``config`` leaves open from the data.

    Raises:
        SSSDError: columns that are not there or not numbers, timestamps out of order, or timeframes and horizons
            that do not fit the data's bar.
    """
    frame = read_frame(frame, config.time)
    time = find_time_column(frame, config.time, source_name(frame))
    check_columns(frame, [config.id] if config.id is not None else [], "data.id")
    rows = series_rows(frame, time, config.id)
    columns = _columns(config, frame, time)
    roles = find_roles(columns)
    source_seconds = parse_duration(config.bar) if config.bar else _most_frequent_difference(rows, frame)
    asked = _asked_timeframes(config.timeframes or {}, source_seconds)
    bar_seconds = asked[0].seconds if asked else source_seconds
    bars = _bar_times(rows, source_seconds, bar_seconds, config.timestamps)
    horizons = (
        default_horizons(bar_seconds, bars)
        if config.horizons is None
        else parse_horizons(config.horizons, bar_seconds)
    )
    return DataSpec(
        time=time,
        id=config.id,
        columns=columns,
        roles=roles,
        targets=_targets(config, columns, roles),
        target_kind=config.target_kind,
        timestamps=config.timestamps,
        source_seconds=source_seconds,
        bar_seconds=bar_seconds,
        timeframes=asked or _timeframes(default_timeframes(bar_seconds, bars)),
        horizons=horizons,
        season=season_length(bar_seconds, bars),
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
    )
