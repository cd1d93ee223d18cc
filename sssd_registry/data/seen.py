"""Range of a column in training: between which values it lay, and how far it went from one bar to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

# A change of more than so many times the one that 1 % exceed is a bad reading in the training data itself.
_BAD = 20.0
_MOST = 1e300  # numbers of either sign may lie farther apart than a float reaches
# Bars over which a level is taken, and how much it may fall within a series for changes to be shares of it.
_BLOCK, _STEADY = 64, 0.05

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Size = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class Seen:
    """Range and changes of one column, in data units, without bad readings.

    Attributes:
        lowest, highest: of all series.
        change: largest change from one bar to the next.
        share: the same as a share of the level about there; 0 where a level comes near 0, so that no share is told.
    """

    lowest: _Finite
    highest: _Finite
    change: _Size
    share: _Size


def seen_in(series: Sequence[npt.NDArray[np.float64]]) -> tuple[Seen, ...]:
    """Measure the V columns of series ``(n, V)``, each series by itself; ``()`` where one has no series of two bars.

    What is missing is passed over.
    """
    columns = [[values[~np.isnan(values)] for values in each] for each in zip(*(one.T for one in series), strict=True)]
    long = [[values for values in column if len(values) > 1] for column in columns]
    return tuple(map(_seen, long)) if all(long) else ()


def _seen(series: Sequence[npt.NDArray[np.float64]]) -> Seen:
    with np.errstate(over="ignore"):
        changes = [np.minimum(np.abs(np.diff(values)), _MOST) for values in series]
    usual = float(np.quantile(np.concatenate(changes), 0.99))
    most = float(max(change.max() for change in changes))
    most = min(most, _BAD * usual) if usual > 0 else most
    good = [
        values[np.r_[change[0], change] <= most] if (change <= most).any() else values
        for values, change in zip(series, changes, strict=True)
    ]
    shares = [_share(values, change, most) for values, change in zip(series, changes, strict=True)]
    lowest, highest = (min(map(np.min, good)), max(map(np.max, good)))
    return Seen(float(lowest), float(highest), most, max(shares) if min(shares) >= 0 else 0.0)


def _share(values: npt.NDArray[np.float64], change: npt.NDArray[np.float64], most: float) -> float:
    """Largest change as a share of the median level of its block of bars; -1 where the level is not steady."""
    blocks = np.array_split(np.abs(values), max(1, len(values) // _BLOCK))
    levels = np.array([np.median(block) for block in blocks])
    if levels.min() <= _STEADY * levels.max():
        return -1.0
    level = np.repeat(levels, [len(block) for block in blocks])[1:]
    with np.errstate(over="ignore"):
        return min(float((np.minimum(change, most) / level).max()), _MOST)
