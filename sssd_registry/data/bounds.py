"""Limits of what a model reads and forecasts: every size of a data specification, before it is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError

MAX_SECONDS = 400 * 366 * 86400  # a bar of four centuries
MAX_LOOKBACK = 1_000_000
MAX_TIMEFRAMES = 100
MAX_HORIZON = 100_000
MAX_HORIZONS = 10_000
MAX_COLUMNS = 100_000
# The roles that a bar has once; volumes and plain values may be many.
_ONCE = ("open", "high", "low", "close")


def check_spec(spec: DataSpec) -> None:
    """Refuse what no data have, or no memory holds.

    Raises:
        SSSDError: names the first field, and what it may be.
    """
    _check_sizes("source_seconds, the length of a row", [spec.source_seconds], MAX_SECONDS)
    _check_sizes("bar_seconds", [spec.bar_seconds], MAX_SECONDS)
    _check_sizes("the number of timeframes", [len(spec.timeframes)], MAX_TIMEFRAMES)
    _check_sizes("a timeframe's length in seconds", [timeframe.seconds for timeframe in spec.timeframes], MAX_SECONDS)
    _check_sizes("timeframes' lookback", [timeframe.lookback for timeframe in spec.timeframes], MAX_LOOKBACK)
    _check_sizes("the number of horizons", [len(spec.horizons)], MAX_HORIZONS)
    _check_sizes("horizons", spec.horizons, MAX_HORIZON)
    _check_sizes("the number of columns", [len(spec.columns)], MAX_COLUMNS)
    _check_sizes("season", [spec.season], MAX_SECONDS)
    _check_sizes("periods", spec.periods, MAX_SECONDS)
    _check_ascending("timeframes' lengths", [timeframe.seconds for timeframe in spec.timeframes])
    _check_ascending("horizons", spec.horizons)
    _check_different("timeframes' names", [timeframe.name for timeframe in spec.timeframes])
    _check_different("columns", [spec.time, *([spec.id] if spec.id is not None else []), *spec.columns])
    _check_different("targets", spec.targets)
    _check_different("periods", spec.periods)
    _check_different("roles", [role for role in spec.roles if role in _ONCE])
    if {"open", "high", "low"} & set(spec.roles) and not set(_ONCE) <= set(spec.roles):
        raise SSSDError("open, high and low are roles of a bar that has all of them and a close")


def _check_sizes(what: str, values: Sequence[int], largest: int) -> None:
    for value in values:
        if not 1 <= value <= largest:
            raise SSSDError(f"{what} has to be from 1 to {largest:,}, got {value}")


def _check_ascending(what: str, values: Sequence[int]) -> None:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise SSSDError(f"{what} have to ascend, got {', '.join(map(str, values))[:200]}")


def _check_different(what: str, values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise SSSDError(f"{what} have to differ from each other, got {', '.join(map(str, values))[:200]}")
