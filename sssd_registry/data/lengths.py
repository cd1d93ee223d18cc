"""Length and start of a row: as configured, or as the rows lie."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from sssd_registry.config import DataConfig
from sssd_registry.data.defaults import never_closes
from sssd_registry.data.durations import DAY, HOUR, MINUTE, WEEK, Length, format_duration, parse_length
from sssd_registry.data.months import earlier_months, month_of
from sssd_registry.data.spacing import Spacing
from sssd_registry.errors import DataWarning, SSSDError

Times = npt.NDArray[np.int64]

# Of the distances between rows, for the most frequent one to be the length of a bar beyond doubt.
_FREQUENT = 0.1


def row_length(config: DataConfig, spacing: Spacing | None, times: Sequence[Times], where: str) -> Length:
    """Length of a row: as configured, or the distance at which rows lie.

    Args:
        spacing: of the rows, if a series has two.
        times: of the rows of each series.
        where: what to call the frame in a message.

    Raises:
        SSSDError: no series has two rows, rows lie at irregular times, or nearer to each other than ``data.bar``
            says.
    """
    if config.bar:
        return _configured(parse_length(config.bar), spacing, where)
    if spacing is None:
        raise SSSDError(f"{where}: no series has two rows, so the length of a row is unknown: --set data.bar=1h")
    if spacing.share >= _FREQUENT or spacing.length.months:
        return spacing.length
    if config.timeframes:  # bars are put together from rows at any time
        return Length(int(np.gcd.reduce(np.concatenate([np.diff(one) for one in times]))))
    share = f"the most frequent distance, {spacing.length}, is that of {spacing.share:.0%} of them"
    if not spacing.grid:
        raise SSSDError(
            f"{where}: rows lie at irregular times ({share}); say what a bar is and how many of them to look back to,"
            f" such as --set data.timeframes='{{{_some_bar(times)} = 60}}'"
        )
    message = f"{where}: {share}; rows are taken as bars of {spacing.length} with gaps between: is that what they are?"
    warnings.warn(message, DataWarning, stacklevel=2)
    return spacing.length


def _configured(length: Length, spacing: Spacing | None, where: str) -> Length:
    """``data.bar``, if rows do not lie nearer to each other than it is long; with a word if they lie far apart."""
    if spacing is None or not spacing.grid:
        return length
    found = spacing.length
    if bool(length.months) and length.months != found.months:
        raise SSSDError(f"{where}: data.bar is {length}, and rows are {found} apart: bring one row for each {length}")
    if not length.months and 2 * found.seconds <= length.seconds and spacing.share >= 0.5:
        raise SSSDError(
            f"{where}: data.bar, the length of a row, is {length}, and rows are {found} apart; to put them together,"
            f" leave it out and --set data.timeframes='{{\"{length}\" = 60}}'"
        )
    if not length.months and found.seconds >= 2 * length.seconds and spacing.share >= 0.5:
        message = f"{where}: data.bar is {length}, and rows are {found} apart: the bars in between are taken as missing"
        warnings.warn(message, DataWarning, stacklevel=2)
    return length


def has_holes(bar: Length, bars: Sequence[Times]) -> bool:
    """Tell whether bars that may come at any time, as a sensor's do and a market's do not, are not all there."""
    present = [one for one in bars if len(one)]
    if bar.months:
        return any(len(one) <= int(np.diff(month_of(one[[0, -1]]))[0]) // bar.months for one in present)
    if bar.seconds >= WEEK or not never_closes(bar.seconds, present):
        return False
    return any(len(one) <= int(one[-1] - one[0]) // bar.seconds for one in present)


def _some_bar(times: Sequence[Times]) -> str:
    """Return the first of the usual lengths that holds three rows of most, as TOML."""
    typical = float(np.median(np.concatenate([np.diff(one) for one in times])))
    usual = (5, 15, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, DAY, WEEK)
    return f'"{format_duration(next((seconds for seconds in usual if seconds >= 3 * typical), 4 * WEEK))}"'


def row_starts(times: Times, length: Length, timestamps: Literal["start", "end"]) -> Times:
    """Starts of rows of ``length`` whose ``timestamps`` mark either end."""
    if timestamps == "start":
        return times
    return earlier_months(times, length.months) if length.months else times - length.seconds
