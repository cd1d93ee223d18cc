"""Windows that data seldom have and engines must bear: made of an example, for the check against the live scheduler.

A column that stands still divides by a guard and by nothing else; an example, cut from what happened, has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN, Windows

Values = Mapping[str, npt.NDArray[np.float64]]
_PRICES = ("open", "high", "low", "close", "value")
# Of wide tables each column takes too long; the targets come first.
_MOST_COLUMNS = 5
_LATER = 9_999 * 86_400 + 3_600
_GAP = 11 * 86_400


def odd_windows(examples: Windows, spec: DataSpec) -> tuple[list[str], Windows]:
    """Make odd windows, with a name for each: prices that stand still, each column constant, no volume, other times.

    Args:
        examples: one window or more; the last is the one that is changed.
        spec: columns and their roles.
    """
    one = examples.part(len(examples) - 1, len(examples))
    bars = {name: array for name, array in one.values.items() if name != KNOWN}
    made = [(name, _within(values, spec)) for name, values in _of_values(bars, spec)]
    times = {name: array + _LATER for name, array in one.times.items()}
    gaps = {name: np.concatenate([array[:, :2] - _GAP, array[:, 2:]], axis=1) for name, array in times.items()}
    names = [*(name for name, _ in made), "times decades later, with a gap"]
    values = {tf: np.concatenate([*(each[tf] for _, each in made), one.values[tf]]) for tf in bars}
    if KNOWN in one.values:
        values[KNOWN] = one.values[KNOWN].repeat(len(names), axis=0)
    all_times = {tf: np.concatenate([*[array] * len(made), gaps[tf]]) for tf, array in one.times.items()}
    return names, Windows(values, all_times, one.series.repeat(len(names)))


def _of_values(values: Values, spec: DataSpec) -> Iterator[tuple[str, Values]]:
    base = values[spec.base.name]
    last = base[0, -1]
    prices = [index for index, role in enumerate(spec.roles) if role in _PRICES]
    volumes = [index for index, role in enumerate(spec.roles) if role == "volume"]
    still = _with(values, prices, _one_level(spec, last)[prices])
    columns = range(len(spec.columns))
    yield "every column constant", _with(values, columns, _one_level(spec, last)[: len(columns)])
    yield "flat prices", still
    for volume in (0.0, 1.0) if volumes else ():
        yield f"volume {volume:g} in all bars", _with(values, volumes, volume)
        yield f"flat prices, volume {volume:g}", _with(still, volumes, volume)
    ordered = [*spec.target_indices, *(index for index in columns if index not in spec.target_indices)]
    for index in ordered[:_MOST_COLUMNS]:
        yield f"{spec.columns[index]} constant", _with(values, [index], last[index])
    for factor in (1e-4, 1e4):
        yield f"prices times {factor:g}", {tf: _times(array, prices, factor) for tf, array in values.items()}
    if volumes:
        yield "volume times 1e+06", {tf: _times(array, volumes, 1e6) for tf, array in values.items()}
    yield "a last bar half as high again", {tf: _with_last(array, prices, 1.5) for tf, array in values.items()}
    if spec.target_kind == "level":
        yield "prices below zero", {tf: _times(array, prices, -1.0) for tf, array in values.items()}


def _one_level(spec: DataSpec, last: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The last bar with all its four prices alike, as they are when nothing is traded."""
    level = last.copy()
    closes = [index for index, role in enumerate(spec.roles) if role == "close"]
    if closes:
        level[[index for index, role in enumerate(spec.roles) if role in ("open", "high", "low")]] = last[closes[0]]
    return level


def _with(values: Values, columns: Sequence[int], number: npt.ArrayLike) -> Values:
    """The same with some columns constant, in every timeframe."""
    changed = {tf: array.copy() for tf, array in values.items()}
    for array in changed.values():
        array[..., list(columns)] = number
    return changed


def _within(values: Values, spec: DataSpec) -> Values:
    """The same with each target within its bounds: an engine takes nothing else."""
    if not spec.bounds:
        return values
    made = {tf: array.copy() for tf, array in values.items()}
    for column, _, (low, high), _ in spec.limits:
        for array in made.values():
            array[..., column] = np.clip(array[..., column], low, high)
    return made


def _times(array: npt.NDArray[np.float64], columns: Sequence[int], factor: float) -> npt.NDArray[np.float64]:
    changed = array.copy()
    changed[..., list(columns)] *= factor
    return changed


def _with_last(array: npt.NDArray[np.float64], columns: Sequence[int], factor: float) -> npt.NDArray[np.float64]:
    changed = array.copy()
    changed[:, -1:] = _times(array[:, -1:], columns, factor)
    return changed
