"""Coarser bars put together one by one are those of a whole file; bars that no window could have are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sssd_engine.coarser_bars import OpenBars, bar_starts
from sssd_engine.manifest import EngineError
from sssd_engine.stream_inputs import checked_bars, first_state, missing_bars
from sssd_registry.data.durations import DAY, WEEK
from sssd_registry.data.resample import bin_starts, resample

ROLES = ("open", "high", "low", "close", "volume", "value")
HOUR = 3600


def rows(count: int, step: int, seed: int, missing: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    times = 1_700_000_000 // step * step + step * np.cumsum(random.choice([1, 1, 1, 2, 9], size=count))
    values = random.normal(size=(count, len(ROLES)))
    values[:, 4] = random.integers(0, 100, count)
    return times, np.where(random.random(values.shape) < missing, np.nan, values)


@pytest.mark.parametrize(("step", "seconds", "offset"), [
    (HOUR, 4 * HOUR, 0), (HOUR, 4 * HOUR, 1800), (HOUR, DAY, 0), (6 * HOUR, WEEK, 0), (300, 900, 0),
])  # fmt: skip
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_bars_one_by_one_are_those_of_a_file(step: int, seconds: int, offset: int, missing: float) -> None:
    times, values = rows(300, step, 1, missing)
    times = times + offset
    expected = resample(times, values, ROLES, seconds, step)
    state, made = OpenBars.none(1, len(ROLES)), []
    for time, bar in zip(times, values, strict=True):
        start, now = bar_starts(np.array([time]), seconds, step), np.array([time + step])
        assert start == bin_starts(np.array([time]), seconds, step)
        which = np.array([True])
        for joins in (True, False):  # what was over before this bar, and what is over with it
            if state.over(seconds, now)[0] and (not joins or state.start[0] != start[0]):
                made.append((int(state.start[0]), state.whole(ROLES)[0]))
                state = state.without(which)
            if joins:
                state = state.joined(start, bar[None], ROLES, which)
    made = [one for one in made if one[0] >= expected.starts[0]]
    assert [start for start, _ in made] == expected.starts[: len(made)].tolist()
    assert len(expected.starts) - len(made) <= 1
    np.testing.assert_allclose([bar for _, bar in made], expected.values[: len(made)], rtol=1e-13)


def manifest(**spec: Any) -> dict[str, Any]:
    """A manifest of one column in hours and four hours."""
    frames = [{"name": "1h", "seconds": HOUR, "lookback": 8}, {"name": "4h", "seconds": 4 * HOUR, "lookback": 2}]
    known = spec.get("known", [])
    return {
        "spec": {"timeframes": frames, "columns": ["value"], "roles": ["value"], "targets": ["value"],
                 "target_kind": "level", **spec},
        "horizons": [1, 3],
        "inputs": [
            *({"name": f"values_{one['name']}", "dtype": "float64",
               "shape": ["windows", one["lookback"], 1 + len(known)]} for one in frames),
            *([{"name": "values_known", "dtype": "float64", "shape": ["windows", 3, len(known)]}] if known else []),
            *({"name": f"times_{one['name']}", "dtype": "int64", "shape": ["windows", one["lookback"]]}
              for one in frames),
        ],
    }  # fmt: skip


def inputs(last: int, width: int = 1) -> dict[str, Any]:
    """Windows of one series whose last hour begins at ``last`` hours."""
    hours, fours = np.arange(last - 7, last + 1)[None], 4 * np.arange((last + 1) // 4 - 2, (last + 1) // 4)[None]
    return {
        "values_1h": np.repeat(hours[..., None] / 1.0, width, axis=2),
        "values_4h": np.repeat(fours[..., None] + 3.0, width, axis=2),
        "times_1h": hours * HOUR,
        "times_4h": fours * HOUR,
    }


def test_rows_that_are_missing_become_missing_values() -> None:
    frames, state = first_state(manifest(gaps="missing", holes=True), inputs(41))
    times = np.array([45 * HOUR])
    made = [(int(time[0]) // HOUR, bool(which[0])) for time, which in missing_bars(frames, state, times)]
    assert made == [(42, True), (43, True), (44, True)]
    assert not list(missing_bars(frames, state, np.array([42 * HOUR])))
    assert not list(missing_bars(frames, state, np.array([45 * HOUR + 60])))  # on no grid, as in a file
    with pytest.raises(EngineError, match=r"158 bars before .* are missing, more than a window: open the stream anew"):
        list(missing_bars(frames, state, np.array([200 * HOUR])))
    frames, state = first_state(manifest(), inputs(41))
    assert not list(missing_bars(frames, state, times))  # a market's night


def test_what_is_known_ahead_comes_with_each_bar() -> None:
    told = manifest(known=[{"name": "load"}])
    frames, state = first_state(told, {**inputs(41, 2), "values_known": np.zeros((1, 3, 1))})
    bar, time = np.array([[1.0, 2.0]]), np.array([42 * HOUR])
    assert checked_bars(told, frames, state, bar, time, [[1.0], [2.0], [3.0]]).known is not None
    for known, message in (
        (None, "give known, of the bars after these, too"),
        ([[1.0]], r"known has shape \(1, 1, 1\); of 1 series it has to be \(1, 3, 1\)"),
        ([[1.0], [np.nan], [3.0]], "values_known.* is known ahead: it has to be a finite number"),
    ):
        with pytest.raises(EngineError, match=message):
            checked_bars(told, frames, state, bar, time, known)


def test_a_bar_that_began_before_the_windows_is_refused() -> None:
    """And windows that lack a bar that is over."""
    whole = manifest()
    short = {**inputs(42), "times_4h": inputs(42)["times_4h"] - 40 * HOUR}
    del whole["spec"]["timeframes"][0]["lookback"]
    with pytest.raises(EngineError):
        first_state(whole, short)
    for entry in whole["inputs"]:
        if entry["name"].endswith("1h"):
            entry["shape"][1] = 2
    cut = {name: array[:, -2:] if name.endswith("1h") else array for name, array in inputs(42).items()}
    with pytest.raises(
        EngineError, match=r"begins within the 4h bar from .* open the stream with the windows of a moment"
    ):
        first_state(whole, cut)
