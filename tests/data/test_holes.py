"""Missing rows and values of a series: what becomes of them on the way to windows and futures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.durations import DAY, HOUR, Length, calendar_length
from sssd_registry.data.frame import read_frame
from sssd_registry.data.holes import imputed, last_observed, with_missing_rows
from sssd_registry.data.months import month_of
from sssd_registry.data.origins import all_origins
from sssd_registry.data.panel import to_panel
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.resample import resample
from sssd_registry.data.spec import resolve
from sssd_registry.data.windows import futures_at, history_at, observed_at, windows_at
from sssd_registry.errors import DataWarning

CASES = Path(__file__).parents[1] / "cases"
RANDOM = np.random.default_rng(3)


def test_every_missing_bar_becomes_a_row_and_the_others_stay() -> None:
    times = np.arange(0, 100 * HOUR, HOUR)
    kept = np.sort(RANDOM.permutation(100)[:60])
    values = RANDOM.normal(size=(100, 2))
    every, full = with_missing_rows(times[kept], values[kept], Length(HOUR))
    np.testing.assert_array_equal(every, times[kept[0] : kept[-1] + 1])
    seen = np.isin(np.arange(kept[0], kept[-1] + 1), kept)
    np.testing.assert_array_equal(full[seen], values[kept])
    assert np.isnan(full[~seen]).all()


def test_missing_months_are_months_of_the_calendar() -> None:
    ends = pd.date_range("2000-01-31", periods=40, freq="ME")
    seconds = ends.to_numpy().astype("datetime64[s]").astype(np.int64)
    kept = np.delete(np.arange(40), [3, 4, 17])
    every, full = with_missing_rows(seconds[kept], np.ones((37, 1)), calendar_length(1))
    np.testing.assert_array_equal(every, seconds)
    assert np.flatnonzero(np.isnan(full[:, 0])).tolist() == [3, 4, 17]
    assert (np.diff(month_of(every)) == 1).all()


def test_rows_that_lie_on_no_grid_stay_as_they_are() -> None:
    times = np.array([0, HOUR, 2 * HOUR + 5, 4 * HOUR])
    every, _ = with_missing_rows(times, np.ones((4, 1)), Length(HOUR))
    assert every is times


def test_a_coarser_bar_is_of_the_rows_that_have_a_value() -> None:
    values = np.array([[1.0, 5, 2], [np.nan, 9, np.nan], [3, np.nan, 4], [4, 1, 6], [np.nan] * 3, [np.nan] * 3])
    bars = resample(np.arange(6) * HOUR, values, ("open", "high", "value"), 2 * HOUR, HOUR)
    np.testing.assert_array_equal(bars.values, [[1, 9, 2], [3, 1, 6], [np.nan] * 3])
    sums = resample(np.arange(6) * HOUR, values, ("volume", "low", "close"), 2 * HOUR, HOUR)
    np.testing.assert_array_equal(sums.values, [[2, 5, 2], [7, 1, 6], [np.nan] * 3])


def test_a_draw_has_the_roughness_of_the_series() -> None:
    """Of a random walk, of noise, and of a season with noise: changes over one bar are as large as where observed."""
    season = 5 * np.sin(2 * np.pi * np.arange(6000) / 24)
    for whole in (RANDOM.normal(size=6000).cumsum(), RANDOM.normal(size=6000), season + RANDOM.normal(size=6000)):
        holed = np.where(RANDOM.random(6000) < 0.3, np.nan, whole)[:, None]
        made = imputed(holed, 24, log=False)[:, 0]
        seen = ~np.isnan(holed[:, 0])
        np.testing.assert_array_equal(made[seen], whole[seen])
        assert np.diff(made).std() == pytest.approx(np.diff(whole).std(), rel=0.07)


def test_the_last_observed_value_knows_no_future() -> None:
    values = np.array([[np.nan, 1.0], [2, np.nan], [np.nan, np.nan], [5, 7]])
    np.testing.assert_array_equal(last_observed(values), [[2, 1], [2, 1], [2, 1], [5, 7]])


def test_windows_keep_holes_and_scores_know_of_them() -> None:
    frame = read_frame(CASES / "missing30.csv")
    spec = resolve(DataConfig(), frame)
    source = read_windows(frame, spec)
    full = pd.date_range(frame["ds"].min(), frame["ds"].max(), freq="D")
    assert len(source.panel.series[0].times) == len(full) > len(frame)
    origins = all_origins(source, max_horizon=14)
    windows = windows_at(source, origins)
    assert 0.2 < np.isnan(windows.values["1d"]).mean() < 0.4
    assert (np.diff(windows.times["1d"], axis=1) == DAY).all()
    seen = observed_at(source, origins, [1, 7])
    assert 0.6 < seen.mean() < 0.8
    assert np.isfinite(futures_at(source, origins, [1, 7])).all()
    assert np.isfinite(history_at(source, origins, 20)).all()


def test_a_window_of_nearly_nothing_is_no_origin() -> None:
    y = RANDOM.normal(size=1500) + 10
    y[700:900] = np.nan
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=1500, freq="h"), "y": y})
    read = read_frame(frame)
    source = read_windows(read, resolve(DataConfig(), read))
    rows = all_origins(source).row
    assert not np.isin(np.arange(880, 900), rows).any()
    assert np.isin([699, 950], rows).all()


def test_a_market_pauses_and_misses_nothing() -> None:
    days = pd.bdate_range("2020-01-01", periods=400)
    for column in ("close", "y"):
        read = read_frame(pd.DataFrame({"ds": days, column: RANDOM.normal(size=400) + 100}))
        spec = resolve(DataConfig(), read)
        assert (spec.gaps, spec.holes, len(to_panel(read, spec).series[0].times)) == ("natural", False, 400)
        asked = resolve(DataConfig(gaps="missing"), read)
        assert asked.holes
        assert len(to_panel(read, asked).series[0].times) > 400


def test_a_model_that_knows_of_no_holes_has_a_word_for_them() -> None:
    times = pd.date_range("2020-01-01", periods=400, freq="h")
    read = read_frame(pd.DataFrame({"ds": times, "y": RANDOM.normal(size=400)}))
    spec = resolve(DataConfig(), read)
    holed = read["y"].where((read.index < 394) | (read.index > 396))
    with pytest.warns(DataWarning, match="3 values are missing, and none was in training: they are filled"):
        panel = to_panel(read.assign(y=holed), spec)
    assert np.isnan(panel.series[0].values[394:397]).all()


def test_rows_at_the_end_without_a_value_are_to_come() -> None:
    times = pd.date_range("2020-01-01", periods=400, freq="h")
    read = read_frame(pd.DataFrame({"ds": times, "y": RANDOM.normal(size=400)}))
    spec = resolve(DataConfig(), read)
    panel = to_panel(read.assign(y=read["y"].where(read.index < 397)), spec)
    assert len(panel.series[0].times) == 397
    assert np.isfinite(panel.series[0].values).all()
