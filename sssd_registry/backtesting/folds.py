"""Folds of a backtest: up to when each is trained, and from which bars it forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.durations import Length
from sssd_registry.data.lengths import row_starts
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes:
        number: from 1 on, in the order of time.
        origins: start of each bar that is forecast from, seconds since 1970 UTC, ascending. What is trained for the
            fold has seen nothing after the first one.
    """

    number: int
    origins: tuple[int, ...]

    @property
    def cutoff(self) -> int:
        """Start of the last bar that is trained on."""
        return self.origins[0]


def plan_folds(
    starts: npt.NDArray[np.int64], farthest: int, folds: int, step: int, windows: int, where: str
) -> tuple[Fold, ...]:
    """Rolling origins whose last forecast ends with the data.

    Args:
        starts: of the bars of all series together, seconds since 1970 UTC, ascending, each once.
        farthest: horizon, in bars.
        folds: how many.
        step: bars from a fold's first origin to the next one's.
        windows: origins of each fold, evenly spaced over its step.
        where: what to call the data in a message.

    Raises:
        SSSDError: there are too few bars, or more windows than bars in a step.
    """
    if windows > step:
        raise SSSDError(f"{windows} windows do not fit into a step of {step} bars: ask for {step} at most")
    apart = step // windows
    first = len(starts) - 1 - farthest - (windows - 1) * apart - (folds - 1) * step
    if first < 1:
        raise SSSDError(
            f"{where}: {len(starts)} bars are too few for {folds} folds, {step} bars apart, and {farthest} bars ahead:"
            " ask for fewer folds or shorter horizons, or bring more rows"
        )
    rows = first + step * np.arange(folds)[:, None] + apart * np.arange(windows)  # (folds, windows)
    return tuple(Fold(number, tuple(starts[row].tolist())) for number, row in enumerate(rows, 1))


# Of the farthest horizon, as the clock goes: nights and weekends lie between.
_REACH = 4


def past_of(frame: pd.DataFrame, spec: DataSpec, origin: int) -> pd.DataFrame:
    """The rows of a frame, as ``read_frame`` gives it, that are known when the bar starting at ``origin`` is over."""
    times = frame[spec.time].to_numpy(dtype="datetime64[s]").astype(np.int64)
    starts = row_starts(times, Length(spec.source_seconds, spec.bar_months), spec.timestamps)
    # Rows are bars where these are months, whose length varies.
    last = origin if spec.bar_months else origin + spec.bar_seconds - spec.source_seconds
    if not spec.known:
        return frame[starts <= last]
    # Of rows to come what is known ahead is told, and nothing else.
    some = frame[starts <= last + _REACH * max(spec.horizons) * spec.bar_seconds].copy()
    later = starts[starts <= last + _REACH * max(spec.horizons) * spec.bar_seconds] > last
    some.loc[later, list(spec.columns)] = np.nan
    return some


def bar_starts(times: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Starts of the bars of all series together, ascending, each once."""
    return np.unique(np.concatenate(list(times)))
