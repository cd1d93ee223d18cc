"""Coarser bars put together from finer ones, one by one, as sssd-registry puts them together from a whole file.

A bar's open is the first, its high the highest, its low the lowest, its volume the sum, and anything else the last of
what was observed in it. A sum stands for missing values, too. A bar that had no finer one does not exist. numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

_WEEK = 7 * 86400
_MONDAY = 4 * 86400  # 1970-01-05
# Start of no bar at all.
NOTHING = int(np.iinfo(np.int64).min)


def bar_starts(times: Times, seconds: int, bar_seconds: int) -> Times:
    """Start of the bar of ``seconds`` that finer ones belong to: the one in which they end.

    Bars are aligned to 1970-01-01, weeks to Mondays.
    """
    anchor = _MONDAY if seconds % _WEEK == 0 else 0
    return anchor + (times + (bar_seconds - 1 - anchor)) // seconds * seconds


@dataclass(frozen=True)
class OpenBars:
    """Coarser bars of n series that are not over yet.

    Attributes:
        start: int64 ``(n,)``, seconds since 1970 UTC; ``NOTHING`` where none is open.
        rows: int64 ``(n,)``, how many finer bars each has.
        seen: int64 ``(n, W)``, how many of these had a value.
        values: float64 ``(n, W)``, NaN where none had.
    """

    start: Times
    rows: Times
    seen: Times
    values: Values

    @staticmethod
    def none(series: int, width: int) -> OpenBars:
        """Nothing is open."""
        start, rows = np.full(series, NOTHING), np.zeros(series, np.int64)
        return OpenBars(start, rows, np.zeros((series, width), np.int64), np.full((series, width), np.nan))

    @staticmethod
    def named(arrays: dict[str, npt.NDArray[Any]], timeframe: str) -> OpenBars:
        """Take them from a stream's state."""
        return OpenBars(*(arrays[f"open_{part}_{timeframe}"] for part in ("start", "rows", "seen", "values")))

    def arrays(self, timeframe: str) -> dict[str, npt.NDArray[Any]]:
        """Put them into a stream's state."""
        return {f"open_{part}_{timeframe}": getattr(self, part) for part in ("start", "rows", "seen", "values")}

    def over(self, seconds: int, now: Times) -> npt.NDArray[np.bool_]:
        """Tell which of them are over at ``now (n,)``."""
        ended: npt.NDArray[np.bool_] = (self.start != NOTHING) & (self.start <= now - seconds)
        return ended

    def whole(self, roles: Sequence[str]) -> Values:
        """Values as of bars that are over: ``(n, W)``."""
        rows = self.rows[:, None]
        missed = (self.seen > 0) & (self.seen < rows) & _are(roles, "volume", self.values.shape[1])
        return np.where(missed, self.values * rows / np.maximum(self.seen, 1), self.values)

    def without(self, gone: npt.NDArray[np.bool_]) -> OpenBars:
        """The others."""
        none = OpenBars.none(*self.values.shape)
        return OpenBars(
            np.where(gone, none.start, self.start),
            np.where(gone, none.rows, self.rows),
            np.where(gone[:, None], none.seen, self.seen),
            np.where(gone[:, None], none.values, self.values),
        )

    def joined(self, start: Times, bars: Values, roles: Sequence[str], which: npt.NDArray[np.bool_]) -> OpenBars:
        """The same with a finer bar ``(n, W)`` of ``which`` series, of the coarser ones that begin at ``start``."""
        width, old = bars.shape[1], self.values
        first, given = self.seen == 0, ~np.isnan(bars) & which[:, None]
        made = np.where(_are(roles, "open", width), np.where(first, bars, old), bars)
        made = np.where(_are(roles, "high", width), np.fmax(old, bars), made)
        made = np.where(_are(roles, "low", width), np.fmin(old, bars), made)
        made = np.where(_are(roles, "volume", width), np.where(first, 0.0, old) + bars, made)
        return OpenBars(
            np.where(which, start, self.start), self.rows + which, self.seen + given, np.where(given, made, old)
        )


def _are(roles: Sequence[str], role: str, width: int) -> npt.NDArray[np.bool_]:
    """Tell which of W columns have that role; what is known ahead, after the columns, is told by its last."""
    return np.array([each == role for each in (*roles, *["value"] * (width - len(roles)))])
