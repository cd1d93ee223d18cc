"""Number of independent windows that overlapping windows of several series are worth."""

from __future__ import annotations

import numpy as np
import pytest

from sssd_registry.data.effective_windows import WindowPlaces, effective_windows, one_series

SERIES, WINDOWS = 60, 40


def panel(series: int = SERIES, windows: int = WINDOWS) -> WindowPlaces:
    """Windows of every bar, of series that all begin at the same time."""
    row = np.repeat(np.arange(windows), series)
    return WindowPlaces(np.tile(np.arange(series), windows), row, 3600 * row)


def test_windows_of_one_series_count_once_in_a_horizon() -> None:
    values = np.random.default_rng(0).normal(size=(240, 2))
    assert effective_windows(values, [1, 24], one_series(240)) == pytest.approx([240, 10])
    assert effective_windows(values, [1, 24], one_series(240, 12)) == pytest.approx([240, 120])


def test_unrelated_series_each_count() -> None:
    values = np.random.default_rng(0).normal(size=(SERIES * WINDOWS, 1))
    assert effective_windows(values, [20], panel())[0] == pytest.approx(SERIES * WINDOWS / 20, rel=0.3)


def test_copies_of_a_series_count_as_one() -> None:
    values = np.repeat(np.random.default_rng(0).normal(size=WINDOWS), SERIES)[:, None]
    assert effective_windows(values, [20], panel())[0] == pytest.approx(WINDOWS / 20)


@pytest.mark.parametrize("shared", [0.1, 0.5, 0.9])
def test_the_mean_of_related_series_varies_as_that_of_so_many_independent_windows(shared: float) -> None:
    """The oracle: the variance of the mean itself, over many draws."""
    random = np.random.default_rng(1)
    means, counts = [], []
    for _ in range(300):
        times = random.normal(scale=shared**0.5, size=(WINDOWS, 1))
        values = times + random.normal(scale=(1 - shared) ** 0.5, size=(WINDOWS, SERIES))
        means.append(values.mean())
        counts.append(effective_windows(values.reshape(-1, 1), [1], panel())[0])
    assert np.median(counts) == pytest.approx(1 / np.var(means), rel=0.3)


def test_series_that_are_never_seen_at_one_time_are_taken_for_unrelated() -> None:
    places = WindowPlaces(np.arange(30), np.zeros(30, dtype=np.int64), np.arange(30))
    assert effective_windows(np.random.default_rng(0).normal(size=(30, 1)), [48], places) == pytest.approx([30])


def test_one_window_is_one() -> None:
    assert effective_windows(np.ones((1, 2)), [1, 24], one_series(1)) == pytest.approx([1, 1])
