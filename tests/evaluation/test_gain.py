"""Gains and how sure they are: of overlapping windows, of many series, of series that move together."""

from __future__ import annotations

import numpy as np
import pytest

from sssd_registry.data.effective_windows import WindowPlaces, one_series
from sssd_registry.evaluation.gain import gain


def panel(series: int, windows: int, stride: int = 1) -> WindowPlaces:
    row = stride * np.tile(np.arange(windows), series)
    return WindowPlaces(np.repeat(np.arange(series), windows), row, 3600 * row)


def test_a_small_gain_in_every_window_is_sure() -> None:
    start = np.random.default_rng(0).exponential(size=400)
    found = gain(start * 0.99, start, one_series(400), 8)
    assert found.share == pytest.approx(0.01)
    assert found.surely_better
    assert str(found).startswith("better by 1.0%, surely (1.0% to 1.0%)")
    assert gain(start * 1.01, start, one_series(400), 8).surely_worse
    nothing = gain(start, start, one_series(400), 8)
    assert not nothing.surely_better
    assert not nothing.surely_worse


def _wins(places: WindowPlaces, longest: int, shared: bool, tries: int = 200) -> float:
    """How often a forecaster that is as good as the other is called surely better or worse."""
    random, wrong = np.random.default_rng(1), 0
    span = np.unique(places.row).size + longest
    for _ in range(tries):
        count = 1 if shared else places.series.max() + 1
        noise = random.normal(size=(count, span)).cumsum(axis=1)
        smooth = noise[:, longest:] - noise[:, :-longest]  # errors of windows that overlap within the horizon
        at = np.searchsorted(np.unique(places.row), places.row)
        difference = smooth[0 if shared else places.series, at]
        found = gain(10 + difference, np.full(len(places), 10.0), places, longest)
        wrong += found.surely_better or found.surely_worse
    return wrong / tries


@pytest.mark.parametrize("shared", [True, False])
def test_chance_is_seldom_called_sure(shared: bool) -> None:
    """Of overlapping windows; of one series, of copies of one, of series that know nothing of one another."""
    assert _wins(one_series(300), 10, shared=True) < 0.2
    assert _wins(panel(12, 100), 10, shared) < 0.2


def test_many_unrelated_series_make_a_small_gain_sure() -> None:
    """Four hundred series at three times are no three windows, unless all of them err together."""
    places = panel(400, 3, stride=48)
    random = np.random.default_rng(2)
    start = random.exponential(size=len(places)) + 1
    own = random.normal(size=len(places)) * 0.1
    assert gain(start * 0.96 + own, start, places, 48).surely_better
    shared = 0.2 * np.array([-1.0, 0.2, 0.5])[places.row // 48]
    assert not gain(start * 0.96 + own + shared, start, places, 48).surely_better
    one_time = places.row == 0
    alone = WindowPlaces(places.series[one_time], places.row[one_time], places.time[one_time])
    assert gain((start * 0.96 + own)[one_time], start[one_time], alone, 48).surely_better


def test_nothing_is_sure_of_a_few_windows() -> None:
    found = gain(np.full(10, 0.5), np.ones(10), one_series(10), 24)
    assert found.share == 0.5
    assert not found.surely_better
    assert "too few windows to tell" in str(found)
