"""What the data are, settled once and saved with the model: columns, bar, timeframes, horizons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import find_roles, pick_columns, pick_targets
from sssd_registry.data.defaults import calendar_periods, default_horizons, default_timeframes, season_length
from sssd_registry.data.durations import format_duration, parse_duration, parse_horizons
from sssd_registry.data.frame import find_id, read_frame, source_name
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.reading import DateOrder, Decimal, reading_of
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
        timezone, decimal, date_order, step_length: how the file is read, as in
            :class:`sssd_registry.data.reading.ReadSettings`.
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
        periods: seconds of the calendar's periods (day, week, year) that the data hold enough of to learn from.
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
    periods: tuple[int, ...]
    validation_fraction: float
    test_fraction: float
    timezone: str | None = None
    decimal: Decimal | None = None
    date_order: DateOrder | None = None
    step_length: str | None = None

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
        SSSDError: columns that are not there or not numbers, timestamps out of order, or timeframes and
            horizons that do not fit the data's bar.
    """
    frame = read_frame(frame, config)
    where, reading = source_name(frame), reading_of(frame)
    time = find_time_column(frame, reading.time, where)
    config = config.model_copy(update={"id": find_id(frame, config.id)})
    rows = series_rows(frame, time, config.id)
    columns = pick_columns(config, frame, time)
    roles = find_roles(columns)
    source_seconds = parse_duration(config.bar) if config.bar else _most_frequent_difference(rows, where)
    asked = _asked_timeframes(config.timeframes or {}, source_seconds)
    bar_seconds = asked[0].seconds if asked else source_seconds
    bars = _bar_times(rows, source_seconds, bar_seconds, config.timestamps)
    horizons = (
        default_horizons(bar_seconds, bars) if config.horizons is None else parse_horizons(config.horizons, bar_seconds)
    )
    return DataSpec(
        time=time,
        id=config.id,
        columns=columns,
        roles=roles,
        targets=pick_targets(config, columns, roles, frame),
        target_kind=config.target_kind,
        timestamps=config.timestamps,
        source_seconds=source_seconds,
        bar_seconds=bar_seconds,
        timeframes=asked or _sorted_timeframes(default_timeframes(bar_seconds, bars)),
        horizons=horizons,
        season=season_length(bar_seconds, bars),
        periods=calendar_periods(bar_seconds, bars),
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        timezone=config.timezone,
        decimal=reading.decimal,
        date_order=config.date_order or reading.date_order,
        step_length=reading.step_length,
    )


def _most_frequent_difference(rows: Sequence[SeriesRows], where: str) -> int:
    differences = np.concatenate([np.diff(series.times) for series in rows])
    if not len(differences):
        raise SSSDError(f"{where}: no series has two rows, so the length of a row is unknown: --set data.bar=1h")
    values, counts = np.unique(differences, return_counts=True)
    return int(values[np.argmax(counts)])


def _asked_timeframes(asked: Mapping[str, int], source_seconds: int) -> tuple[Timeframe, ...]:
    """Those configured, checked: whole multiples of the rows and of the finest one."""
    lookbacks: dict[int, int] = {}
    for text, lookback in asked.items():
        seconds = parse_duration(text)
        if lookback < 1:
            raise SSSDError(f"data.timeframes: the lookback of {text} must be 1 or more, got {lookback}")
        if seconds in lookbacks:
            raise SSSDError(f"data.timeframes: {format_duration(seconds)} is named twice")
        lookbacks[seconds] = lookback
    finest = min(lookbacks, default=source_seconds)
    for seconds in sorted(lookbacks):
        for unit, what in ((source_seconds, "rows"), (finest, "bars, the finest timeframe")):
            if seconds % unit:
                raise SSSDError(
                    f"data.timeframes: {format_duration(seconds)} is not a whole number of"
                    f" {format_duration(unit)} {what}"
                )
    return _sorted_timeframes(lookbacks)


def _sorted_timeframes(lookbacks: Mapping[int, int]) -> tuple[Timeframe, ...]:
    return tuple(Timeframe(format_duration(seconds), seconds, lookbacks[seconds]) for seconds in sorted(lookbacks))


def _bar_times(
    rows: Sequence[SeriesRows], source_seconds: int, bar_seconds: int, timestamps: Literal["start", "end"]
) -> list[npt.NDArray[np.int64]]:
    """Starts of the bars of each series, as :func:`sssd_registry.data.panel.to_panel` will find them."""
    shift = source_seconds if timestamps == "end" else 0
    starts = [series.times - shift for series in rows]
    if bar_seconds == source_seconds:
        return starts
    return [np.unique(bin_starts(times, bar_seconds, source_seconds)) for times in starts]
