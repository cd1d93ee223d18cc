"""Specification of the data, settled once and saved with the model: columns, bar, timeframes, horizons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sssd_registry.config import Bounds, DataConfig
from sssd_registry.data.columns import find_roles, pick_columns, pick_targets
from sssd_registry.data.defaults import (
    calendar_periods,
    default_horizons,
    default_timeframes,
    season_length,
)
from sssd_registry.data.durations import DAY, MOST_BARS, Length, format_duration, parse_horizons, parse_length
from sssd_registry.data.frame import find_id, source_name
from sssd_registry.data.holes import observed_rows
from sssd_registry.data.known import Known, find_known
from sssd_registry.data.lengths import has_holes, row_length, row_starts
from sssd_registry.data.order import SeriesRows, series_rows
from sssd_registry.data.reading import DateOrder, Decimal, reading_of
from sssd_registry.data.resample import Role, bin_starts
from sssd_registry.data.seen import Seen
from sssd_registry.data.spacing import find_spacing
from sssd_registry.data.static import find_static
from sssd_registry.data.target_bounds import UNBOUNDED, target_bounds, whole_targets
from sssd_registry.data.timestamps import find_time_column
from sssd_registry.data.weekdays import business_days, days_with_bars
from sssd_registry.data.written_times import is_written_zone
from sssd_registry.data.zones import zone_in_name
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
    """Specification of how a frame becomes windows. Saved as JSON with a model and in an engine's manifest.

    Attributes:
        time: time column.
        id: column naming the series of a panel, or None for a frame that is one series.
        timezone, decimal, date_order, step_length: how the file is read, as in
            :class:`sssd_registry.data.reading.ReadSettings`.
        columns: the V value columns.
        roles: what each of them is, parallel to ``columns``; decides how it is aggregated.
        targets: the C columns that are forecast, all among ``columns``.
        target_kind: whether the model forecasts the value, the value by its log-returns, or the log-return since the
            origin.
        bounds: least and largest value of each target, None where there is no end; ``()`` where no target has any.
        integers: those of the targets that are whole numbers.
        timestamps: which end of its row a timestamp marks.
        source_seconds: length of a row of the frame.
        bar_seconds: length of a bar: rows are resampled to it where it is longer than ``source_seconds``.
        bar_months: months of the calendar in a bar, or 0 where it has a fixed length; ``bar_seconds`` are then the
            most that it can have, and rows are bars.
        step_seconds: most frequent distance between the training data's rows, where it is not ``source_seconds``.
        timeframes: finest first; the first one is the bar itself.
        horizons: in bars, ascending.
        season: in bars: a day, or else a week, or else a year, as the data have them; 1 where none fits.
        weekdays: days of the week on which bars start, 0 is Monday, UTC, where on some none ever does: business days,
            or an exchange's; ``()`` where bars come on all days, are longer, or in models saved before it was kept.
        periods: seconds of the calendar's periods (day, week, year) that the data hold enough of to learn from.
        zone: in which a forecast's times are written, as those of the training data are: ``Europe/Berlin``,
            ``UTC+02:00``; None for times without a zone, and for dates without a clock. See :attr:`written_zone`.
        gaps: whether rows that are not there are missing values, or the data's own nights and weekends.
        known: what is known ahead, and what it adds to the targets.
        holes: the model knows of missing values: some were missing in training, or rows were.
        seen: for each of ``columns``, what training saw of it; none in models saved before it was kept.
        validation_fraction: part of the rows, by time.
        test_fraction: part of the rows, by time, the last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: str
    id: str | None
    columns: tuple[str, ...]
    roles: tuple[Role, ...]
    targets: tuple[str, ...]
    target_kind: Literal["level", "price", "log-return"]
    bounds: tuple[Bounds, ...] = ()
    integers: tuple[str, ...] = ()
    timestamps: Literal["start", "end"]
    source_seconds: int
    bar_seconds: int
    bar_months: int = Field(0, ge=0, le=12_000)
    step_seconds: int = Field(0, ge=0)
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
    zone: str | None = None
    gaps: Literal["natural", "missing"] = "natural"
    known: tuple[Known, ...] = ()
    holes: bool = False
    seen: tuple[Seen, ...] = ()
    weekdays: tuple[int, ...] = ()

    @property
    def target_indices(self) -> tuple[int, ...]:
        """Positions of the targets among the columns."""
        return tuple(self.columns.index(name) for name in self.targets)

    @property
    def width(self) -> int:
        """Columns of a window: those that are looked at, then the numbers that are known ahead."""
        return len(self.columns) + len(self.known)

    @property
    def in_logs(self) -> bool:
        """Tell whether the model works on log-returns, whatever a forecast is then in."""
        return self.target_kind != "level"

    @property
    def limits(self) -> tuple[tuple[int, str, Bounds, bool], ...]:
        """Column, name, bounds, and whether it is a whole number, of each target that has any such."""
        bounds = self.bounds or (UNBOUNDED,) * len(self.targets)
        made = zip(self.target_indices, self.targets, bounds, strict=True)
        found = [(*one, one[1] in self.integers) for one in made]
        return tuple(one for one in found if one[2] != UNBOUNDED or one[3])

    @property
    def bar(self) -> Length:
        """Length of a bar, of the calendar or fixed."""
        return Length(self.bar_seconds, self.bar_months)

    @property
    def step(self) -> Length:
        """Distance between rows."""
        return Length(self.step_seconds or self.source_seconds, self.bar_months)

    @property
    def week(self) -> int:
        """Bars in a week where they are business days; 0 where they are not."""
        return len(self.weekdays) if self.bar == Length(DAY) else 0

    @property
    def written_zone(self) -> str | None:
        """The zone of a forecast's times; for models saved before it was kept, what the settings say of it."""
        if self.zone is not None or self.bar_seconds % DAY == 0:
            return self.zone
        return self.timezone or zone_in_name(self.time, "the model")

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
        lookbacks, lengths = [one.lookback for one in self.timeframes], [one.seconds for one in self.timeframes]
        if any(not 1 <= one <= MOST_BARS for one in (*lookbacks, *self.horizons, self.season)) or not self.horizons:
            raise ValueError(f"lookbacks, horizons and the season must be 1 to {MOST_BARS:,} bars")
        if min(*lengths, self.source_seconds, *self.periods) < 1 or self.bar_seconds % self.source_seconds:
            raise ValueError("lengths must be positive, and the bar's a multiple of the rows'")
        if any(earlier >= later for ordered in (lengths, self.horizons) for earlier, later in pairwise(ordered)):
            raise ValueError("timeframes and horizons must ascend")
        if self.zone is not None and not is_written_zone(self.zone):
            raise ValueError(f"no time zone {self.zone!r}")
        if any(not 0 <= one <= 6 for one in self.weekdays) or len(set(self.weekdays)) < len(self.weekdays):
            raise ValueError("days of the week are 0 to 6, each once")
        if len(self.bounds) not in (0, len(self.targets)) or not set(self.integers) <= set(self.targets):
            raise ValueError("bounds of each target, or of none, and whole numbers among the targets, expected")
        if any(None not in ends and not ends[0] < ends[1] for ends in self.bounds):  # type: ignore[operator]  # both are numbers
            raise ValueError("the lower bound must be below the upper one")
        if self.target_kind == "log-return" and (self.bounds or self.integers):
            raise ValueError("log-returns have no bounds, and are no whole numbers")
        if len(self.seen) not in (0, len(self.columns)):
            raise ValueError("what was seen of each column, or of none, expected")
        return self


def resolve(config: DataConfig, frame: pd.DataFrame) -> DataSpec:
    """Settle everything that ``config`` leaves open from ``frame``, as ``read_frame(data, config)`` gives it.

    Raises:
        SSSDError: columns that are not there or not numbers, timestamps out of order or at irregular times, or
            timeframes and horizons that do not fit the data's bar.
    """
    where, reading = source_name(frame), reading_of(frame)
    time = find_time_column(frame, reading.time, where)
    config = config.model_copy(update={"id": find_id(frame, config.id)})
    rows = series_rows(frame, time, config.id, broken={})  # a panel is told of those by to_panel
    columns = pick_columns(config, frame, time)
    roles = find_roles(columns)
    targets = pick_targets(config, columns, roles, frame)
    known = (
        *find_known(frame, config.known or (), config.holidays),
        *find_static(frame, config.static or (), config.id),
    )
    spacing = find_spacing([one.times for one in rows])
    source = row_length(config, spacing, [one.times for one in rows], where)
    asked = _asked_timeframes(config.timeframes or {}, source)
    bar = Length(asked[0].seconds if asked else source.seconds, source.months)
    bars = _bar_times(rows, source, bar, config.timestamps)
    season = season_length(bar, bars)
    weekdays = () if bar.months else business_days(config.bar, frame, time, days_with_bars(bar.seconds, bars))
    gaps = config.gaps or ("missing" if "close" not in roles and has_holes(bar, bars) else "natural")
    bounds = target_bounds(config, targets)
    step = source.seconds if spacing is None or not spacing.grid else spacing.length.seconds
    return DataSpec(
        time=time,
        id=config.id,
        columns=columns,
        roles=roles,
        targets=targets,
        target_kind=config.target_kind,
        bounds=bounds,
        integers=whole_targets(config, targets, bounds),
        timestamps=config.timestamps,
        source_seconds=source.seconds,
        bar_seconds=bar.seconds,
        bar_months=bar.months,
        step_seconds=0 if step == source.seconds else step,
        timeframes=asked or _sorted_timeframes(default_timeframes(bar, bars, season), bar),
        horizons=default_horizons(bar, bars, season, "close" in roles)
        if config.horizons is None
        else parse_horizons(config.horizons, bar, week=len(weekdays) if bar == Length(DAY) else 0),
        season=season,
        periods=calendar_periods(bar.seconds, bars),
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        timezone=config.timezone,
        decimal=reading.decimal,
        date_order=config.date_order or reading.date_order,
        step_length=reading.step_length,
        zone=reading.zone,
        gaps=gaps,
        known=known,
        holes=gaps == "missing" or _has_empty_cells(frame, columns, rows),
        weekdays=weekdays,
    )


def _has_empty_cells(frame: pd.DataFrame, columns: Sequence[str], rows: Sequence[SeriesRows]) -> bool:
    """Tell whether a value is missing before a series' last row with one; rows after it are to be forecast."""
    empty = frame[list(columns)].isna().to_numpy()
    return any(bool(empty[one.rows][: observed_rows(~empty[one.rows])].any()) for one in rows)


def _asked_timeframes(asked: Mapping[str, int], source: Length) -> tuple[Timeframe, ...]:
    """Those configured, checked: whole multiples of the rows and of the finest one; of months, the rows' own only."""
    lookbacks: dict[int, int] = {}
    for text, lookback in asked.items():
        length = parse_length(text)
        if lookback < 1:
            raise SSSDError(f"data.timeframes: the lookback of {text} must be 1 or more, got {lookback}")
        if lookback > MOST_BARS:
            raise SSSDError(f"data.timeframes: the lookback of {text} is more than {MOST_BARS:,} bars")
        if length.months != source.months:
            raise SSSDError(
                f"data.timeframes: {length} cannot be put together from rows of {source}; look at these:"
                f" data.timeframes='{{\"{source}\" = {lookback}}}'"
            )
        if length.seconds in lookbacks:
            raise SSSDError(f"data.timeframes: {length} is named twice")
        lookbacks[length.seconds] = lookback
    finest = min(lookbacks, default=source.seconds)
    for seconds in () if source.months else sorted(lookbacks):
        for unit, what in ((source.seconds, "rows"), (finest, "bars, the finest timeframe")):
            if seconds % unit:
                raise SSSDError(
                    f"data.timeframes: {format_duration(seconds)} is not a whole number of"
                    f" {format_duration(unit)} {what}"
                )
    return _sorted_timeframes(lookbacks, source)


def _sorted_timeframes(lookbacks: Mapping[int, int], bar: Length) -> tuple[Timeframe, ...]:
    return tuple(
        Timeframe(str(bar) if bar.months else format_duration(seconds), seconds, lookbacks[seconds])
        for seconds in sorted(lookbacks)
    )


def _bar_times(
    rows: Sequence[SeriesRows], source: Length, bar: Length, timestamps: Literal["start", "end"]
) -> list[npt.NDArray[np.int64]]:
    """Starts of the bars of each series, as :func:`sssd_registry.data.panel.to_panel` will find them."""
    starts = [row_starts(series.times, source, timestamps) for series in rows]
    if bar.seconds == source.seconds:
        return starts
    return [np.unique(bin_starts(times, bar.seconds, source.seconds)) for times in starts]
