"""A forecast on standard output: 80 columns, whatever the names and the numbers are.

Times are on the clock of the data's zone, with their offset where it fits; UTC where the data have no zone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.text import Text

from sssd_registry.data.written_times import in_zone
from sssd_registry.forecast import Array, Forecast

COLUMNS = 80
_LEVELS = (0.05, 0.5, 0.95)
# Characters of a number: four of them, a horizon and a time with seconds fit.
_ROOM = 10
_TARGET_ROOM = 30


def forecast_lines(made: Forecast) -> Iterator[str]:
    """A head, then for each series and target a line that names it and its last known bar, and a row a horizon."""
    values = np.stack([made.mean, *made.quantile(_LEVELS)], axis=-1)  # (B, K, C, 4)
    times, offsets = _on_the_clock(made.times.ravel(), made.zone)
    origins, after = _on_the_clock(made.origin_times, made.zone)
    unit = _time_unit(np.concatenate([times, origins]))
    # Where times have seconds, there is no room for the offsets but in the line above.
    shown = [
        _time(time, unit) + (offset if made.zone and unit == "m" else "")
        for time, offset in zip(times, offsets, strict=True)
    ]
    heads = ("mean", *(f"{level:.0%}".replace("%", " %") for level in _LEVELS))
    yield _row("horizon", "time".ljust(len(shown[0])), heads)
    for window, series in enumerate(made.series):
        for number, target in enumerate(made.targets):
            origin = _time(origins[window], unit) + (after[window] if unit != "D" else "")
            yield _title(target, series if made.id_column else None, origin)
            cells = number_texts(values[window, :, number])
            first = window * len(made.horizons)
            for row, (horizon, texts) in enumerate(zip(made.horizons, cells, strict=True), first):
                yield _row(f"{horizon:.7g}", shown[row], texts)


def number_texts(values: Array) -> list[list[str]]:
    """Numbers of one series and target, (K, 4), as texts of at most ten characters.

    All have as many decimals as show three digits of the narrowest interval, the last column less the second. Where
    these do not fit, there are fewer. Where then less than three digits of the largest number are left, powers of ten
    are written.
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
    after = f", after {origin}"
    return _cut(name, COLUMNS - len(after)) + after


def _cut(text: str, room: int) -> str:
    """One line of at most ``room`` columns, of which some characters take two."""
    line = Text(" ".join(text.split()))
    line.truncate(room, overflow="ellipsis")
    return line.plain


def _on_the_clock(times: npt.NDArray[np.datetime64], zone: str | None) -> tuple[npt.NDArray[np.datetime64], list[str]]:
    """UTC times ``(N,)`` as the clock of ``zone`` shows them, and what tells them from other clocks' times."""
    if zone is None:
        return times, [" UTC"] * len(times)
    aware = in_zone(times, zone)
    return aware.tz_localize(None).to_numpy(), [time.isoformat()[-6:] for time in aware]


def _time_unit(times: npt.NDArray[np.datetime64]) -> str:
    """Days where all times are midnight, else minutes or, where these are not whole, seconds."""
    return next(unit for unit in ("D", "m", "s") if unit == "s" or (times == times.astype(f"datetime64[{unit}]")).all())


def _time(time: np.datetime64, unit: str) -> str:
    return str(time.astype(f"datetime64[{unit}]")).replace("T", " ")
