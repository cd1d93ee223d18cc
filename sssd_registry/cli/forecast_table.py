"""A forecast on standard output: 80 columns, whatever the names and the numbers are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.text import Text

from sssd_registry.forecast import Array, Forecast

COLUMNS = 80
_LEVELS = (0.05, 0.5, 0.95)
# Characters of a number: four of them, a horizon and a time with seconds fit.
_ROOM = 10
_TARGET_ROOM = 30


def forecast_lines(made: Forecast) -> Iterator[str]:
    """A head, then for each series and target a line that names it and its last known bar, and a row a horizon."""
    values = np.stack([made.mean, *made.quantile(_LEVELS)], axis=-1)  # (B, K, C, 4)
    unit = _time_unit(np.concatenate([made.times.ravel(), made.origin_times]))
    heads = ("mean", *(f"{level:.0%}".replace("%", " %") for level in _LEVELS))
    time_room = len(_time(made.times[0, 0], unit))
    yield _row("horizon", "time".ljust(time_room), heads)
    for window, series in enumerate(made.series):
        for number, target in enumerate(made.targets):
            yield _title(target, series if made.id_column else None, _time(made.origin_times[window], unit))
            cells = number_texts(values[window, :, number])
            for horizon, time, texts in zip(made.horizons, made.times[window], cells, strict=True):
                yield _row(f"{horizon:.7g}", _time(time, unit), texts)


def number_texts(values: Array) -> list[list[str]]:
    """Numbers of one series and target, (K, 4), as texts of at most ten characters.

    All have as many decimals as show three digits of the narrowest interval, the last column less the second; where
    these do not fit, fewer, and where then less than three digits of the largest number are left, powers of ten.
    """
    largest = float(np.abs(values).max())
    widths = values[:, -1] - values[:, 1]
    narrowest = float(widths[widths > 0].min(initial=np.inf))
    most = _decimals(narrowest if math.isfinite(narrowest) else largest)
    for decimals in range(min(most, _ROOM), _decimals(largest) - 1, -1):
        texts = [[f"{value:z.{decimals}f}" for value in row] for row in values]
        if _fit(texts):
            return texts
    exact = [[f"{value:.3e}" for value in row] for row in values]
    return exact if _fit(exact) else [[f"{value:.2e}" for value in row] for row in values]


def _decimals(size: float) -> int:
    """Decimals that show three digits of a number of that size."""
    return max(0, 2 - math.floor(math.log10(size))) if size > 0 else 0


def _fit(texts: list[list[str]]) -> bool:
    return max(len(text) for row in texts for text in row) <= _ROOM


def _row(horizon: str, time: str, texts: tuple[str, ...] | list[str]) -> str:
    return f"{horizon:>7}  {time}" + "".join(f"  {text:>{_ROOM}}" for text in texts)


def _title(target: str, series: object, origin: str) -> str:
    name = _cut(target, _TARGET_ROOM) + ("" if series is None else f" of {series}")
    after = f", after {origin}" + (" UTC" if ":" in origin else "")
    return _cut(name, COLUMNS - len(after)) + after


def _cut(text: str, room: int) -> str:
    """One line of at most ``room`` columns, of which some characters take two."""
    line = Text(" ".join(text.split()))
    line.truncate(room, overflow="ellipsis")
    return line.plain


def _time_unit(times: npt.NDArray[np.datetime64]) -> str:
    """Days where all times are midnight, else minutes or, where these are not whole, seconds."""
    return next(unit for unit in ("D", "m", "s") if unit == "s" or (times == times.astype(f"datetime64[{unit}]")).all())


def _time(time: np.datetime64, unit: str) -> str:
    return str(time.astype(f"datetime64[{unit}]")).replace("T", " ")
