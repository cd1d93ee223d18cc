"""A word about values that lie absurdly far from what training saw: a forecast from them is wide, or wrong."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins
from sssd_registry.data.seen import Seen
from sssd_registry.data.windows import WindowSource
from sssd_registry.data.written_times import in_zone
from sssd_registry.errors import DataWarning

# How far from the bars about it, in largest changes of training, a value is absurd. Of changes with tails as prices
# have them, a new one is this far once in a hundred times the bars of training.
_FAR = 5.0
# Bars about a value, itself one of them, whose median says where it might be.
_ABOUT = 7


def warn_of_far_values(source: WindowSource, origins: Origins) -> None:
    """A word about the windows at ``origins``: the first value in them that is absurdly far, and how many are.

    Nothing is said for a model that was saved before it was kept what training saw.
    """
    spec, found = source.spec, 0
    first: tuple[int, int, int] | None = None  # series, row, column
    lookback = max(one.lookback * one.seconds // spec.bar_seconds for one in spec.timeframes)
    for index, origin in zip(origins.series.tolist(), origins.row.tolist(), strict=True):
        start = max(0, origin + 1 - lookback)
        values = source.panel.series[index].values[start : origin + 1]
        for column, seen in enumerate(spec.seen):
            present = np.flatnonzero(~np.isnan(values[:, column]))
            if not len(present):
                continue
            rows = present[far(values[present, column], seen, panel=spec.id is not None)]
            found += len(rows)
            if len(rows) and first is None:
                first = index, start + int(rows[0]), column
    if first is not None:
        _warn(source, first, found - 1)


def far(values: npt.NDArray[np.float64], seen: Seen, *, panel: bool) -> npt.NDArray[np.bool_]:
    """Find the bars ``(L,)`` that lie absurdly far: off the bars about them by five of training's largest changes.

    What went up or down bar by bar is not, however far it has come. In a single series nothing between the lowest and
    highest of training is; in a panel changes are shares of the level, as series may be of any size.
    """
    level = float(np.median(np.abs(values)))
    largest = max(abs(seen.lowest), abs(seen.highest))
    # A series that has grown beyond training makes larger changes.
    change = seen.change * max(1.0, level / largest if largest > 0 else 1.0)
    bound = _FAR * (seen.share * level if panel and seen.share > 0 else change)
    if bound <= 0:  # constant in training
        bound = _FAR * largest
    with np.errstate(over="ignore"):
        off = np.abs(values - _medians(values)) > bound
    return off if panel else off & ((values < seen.lowest) | (values > seen.highest))


def _medians(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of the bars about each; at both ends that of the first and last of them."""
    if len(values) <= _ABOUT:
        return np.full(len(values), np.median(values))
    inner = np.median(np.lib.stride_tricks.sliding_window_view(values, _ABOUT), axis=1)
    return np.pad(inner, _ABOUT // 2, mode="edge")


def _warn(source: WindowSource, first: tuple[int, int, int], more: int) -> None:
    spec, (index, row, column) = source.spec, first
    series, seen = source.panel.series[index], spec.seen[column]
    when = in_zone(series.times[[row]].astype("datetime64[s]"), spec.written_zone)[0]
    warnings.warn(
        f"{source.panel.source}: column {spec.columns[column]!r}{f', series {series.id!r}' if spec.id else ''},"
        f" {when}{' UTC' if when.tzinfo is None else ''}: {series.values[row, column]:g} is absurdly far from what the"
        f" model was trained on ({seen.lowest:g} to {seen.highest:g}){f', and {more} more values are' * (more > 0)}:"
        " the forecast is not to be trusted; where it is an error, correct it or drop the row (gaps are fine)",
        DataWarning,
        stacklevel=3,
    )
