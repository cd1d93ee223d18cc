import numpy as np
import pandas as pd
import pytest
from synthetic_frames import currency_hours, make_spec, ohlcv

from sssd_registry.data.origins import (
    Origins,
    all_origins,
    last_origins,
    origin_times,
    warn_of_early_ends,
    without_short,
)
from sssd_registry.data.panel import read_panel
from sssd_registry.data.windows import futures_at, history_at, window_source, windows_at
from sssd_registry.errors import DataWarning, SSSDError

LOOKBACKS = {("1h", 3600): 30, ("4h", 14400): 9, ("1d", 86400): 3}
HOURS = currency_hours(weeks=3)
SPEC = make_spec(LOOKBACKS, id="symbol", targets=("close", "open"))
SHORT = HOURS.iloc[40:300].assign(symbol="b", close=lambda f: f["close"] + 7)
FRAME = pd.concat([HOURS.assign(symbol="a"), SHORT]).sort_values("time", kind="stable", ignore_index=True)


@pytest.fixture(scope="module")
def source():
    return window_source(read_panel(FRAME, SPEC), SPEC)


def own_rows(name):
    return FRAME[FRAME["symbol"] == name].reset_index(drop=True)


def test_windows_are_the_last_complete_bars_of_every_timeframe(source):
    origins = all_origins(source)
    assert set(origins.series) == {0, 1}
    picked = origins.take(np.random.default_rng(0).integers(0, len(origins), 40))
    windows = windows_at(source, picked)
    assert len(windows) == 40
    for b in range(len(picked)):
        rows = own_rows("ab"[picked.series[b]])
        end = rows["time"][picked.row[b]] + pd.Timedelta("1h")
        assert windows.series[b] == rows["symbol"][0]
        for timeframe in SPEC.timeframes:
            step = pd.Timedelta(timeframe.seconds, unit="s")
            close = rows.set_index("time")["close"].resample(step, origin="epoch").last().dropna()
            close = close[close.index + step <= end].tail(timeframe.lookback)
            np.testing.assert_array_equal(windows.values[timeframe.name][b, :, 3], close)
            np.testing.assert_array_equal(windows.times[timeframe.name][b], close.index.as_unit("s").asi8)


def test_a_part_of_windows_is_a_slice(source):
    origins = all_origins(source).take(slice(0, 10))
    part, direct = windows_at(source, origins).part(3, 7), windows_at(source, origins.take(slice(3, 7)))
    assert len(part) == 4
    for name in direct.values:
        np.testing.assert_array_equal(part.values[name], direct.values[name])
        np.testing.assert_array_equal(part.times[name], direct.times[name])


def test_origins_are_all_rows_with_a_full_past_and_future_in_the_order_of_time(source):
    origins = all_origins(source, max_horizon=24)
    assert (np.diff(origin_times(source, origins)) >= np.timedelta64(0)).all()
    assert len({*zip(origins.series, origins.row, strict=True)}) == len(origins)
    for series in (0, 1):
        rows = np.sort(origins.row[origins.series == series])
        np.testing.assert_array_equal(rows, np.arange(rows[0], source.lengths[series] - 24))
        with pytest.raises(SSSDError, match="too few bars"):
            windows_at(source, Origins(np.array([series]), rows[:1] - 1))


def test_futures_history_and_times_are_the_rows_around_the_origin(source):
    origins = all_origins(source, max_horizon=24)
    picked = origins.take(np.random.default_rng(1).integers(0, len(origins), 30))
    futures, history = futures_at(source, picked, (1, 5, 24)), history_at(source, picked, 10)
    assert futures.shape == (30, 3, 2)
    assert history.shape == (30, 10, 2)
    for b in range(len(picked)):
        rows, row = own_rows("ab"[picked.series[b]]), picked.row[b]
        levels = rows[["close", "open"]].to_numpy()
        np.testing.assert_array_equal(futures[b], levels[[row + 1, row + 5, row + 24]])
        np.testing.assert_array_equal(history[b], levels[row - 9 : row + 1])
        assert pd.Timestamp(origin_times(source, picked)[b], tz="UTC") == rows["time"][row]


def test_history_before_the_first_row_repeats_it(source):
    history = history_at(source, Origins(np.array([1]), np.array([2])), 5)
    levels = own_rows("b")[["close", "open"]].to_numpy()
    np.testing.assert_array_equal(history[0], levels[[0, 0, 0, 1, 2]])


def test_futures_beyond_the_end_are_an_error_not_the_next_series(source):
    with pytest.raises(SSSDError, match="fewer than 1 bars after an origin"):
        futures_at(source, last_origins(source), (1,))


def test_last_origins_are_the_last_row_of_every_series(source):
    origins = last_origins(source)
    np.testing.assert_array_equal(origins.series, [0, 1])
    expected = [own_rows(name)["time"].iloc[-1].tz_localize(None).to_datetime64() for name in "ab"]
    np.testing.assert_array_equal(origin_times(source, origins), expected)


@pytest.mark.parametrize("rows", [140, 200])
def test_the_tail_of_a_file_gives_the_same_windows_as_the_whole_file(rows):
    spec = make_spec(LOOKBACKS)
    whole = window_source(read_panel(HOURS, spec), spec)
    tail = window_source(read_panel(HOURS.tail(rows), spec), spec)
    one, two = windows_at(whole, last_origins(whole)), windows_at(tail, last_origins(tail))
    for name in one.values:
        np.testing.assert_array_equal(one.values[name], two.values[name])


def test_too_few_rows_say_how_many_there_are_and_are_needed():
    spec = make_spec(LOOKBACKS)
    short = window_source(read_panel(HOURS.head(60), spec), spec)
    message = r'too few bars of 1h: the data 60; up to 119 needed.*24 ahead.*data\.timeframes, now \{"1h" = 30, '
    with pytest.raises(SSSDError, match=message):
        all_origins(short, max_horizon=24)


@pytest.mark.parametrize("offset", range(24))
def test_as_many_rows_as_the_message_says_are_enough(offset):
    frame = ohlcv(pd.date_range("2024-01-01", periods=150, freq="h", tz="UTC"))
    spec = make_spec(LOOKBACKS)
    enough = window_source(read_panel(frame.iloc[offset : offset + 119], spec), spec)
    assert len(all_origins(enough, max_horizon=24)) >= 1


def test_a_series_too_short_to_forecast_is_named_and_left_out():
    frame = pd.concat([HOURS.head(20).assign(symbol="tiny"), HOURS.assign(symbol="a")], ignore_index=True)
    source = window_source(read_panel(frame, SPEC), SPEC)
    reason = r"too few bars of 1h: series 'tiny' 20; up to 95 needed"
    with pytest.warns(DataWarning, match=f"left out: {reason}"):
        origins = last_origins(source)
    assert origins.series.tolist() == [1]
    assert origins.row.tolist() == [len(HOURS) - 1]
    with pytest.raises(SSSDError, match=reason):
        last_origins(source, every=True)
    assert set(all_origins(source).series) == {1}


def test_a_series_without_a_window_to_train_on_is_named_and_left_out():
    frame = pd.concat([HOURS.head(100).assign(symbol="tiny"), HOURS.assign(symbol="a")], ignore_index=True)
    source = window_source(read_panel(frame, SPEC), SPEC)
    assert without_short(source, 1) is source
    with pytest.warns(DataWarning, match="left out: too few bars of 1h: series 'tiny' 100; .* 48 ahead"):
        rest = without_short(source, 48)
    assert [series.id for series in rest.panel.series] == ["a"]
    assert set(rest.panel.left_out) == {"tiny"}
    tiny = all_origins(source, max_horizon=48)
    assert set(tiny.series) == {1}  # nothing is lost
    np.testing.assert_array_equal(all_origins(rest, max_horizon=48).row, tiny.row)


def test_series_that_ended_long_ago_are_named():
    def warn(rows: int) -> None:
        frame = pd.concat([HOURS.assign(symbol="a"), HOURS.iloc[:-rows].assign(symbol="b")], ignore_index=True)
        source = window_source(read_panel(frame, SPEC), SPEC)
        warn_of_early_ends(source, last_origins(source))

    warn(3)
    end = str(HOURS["time"].iloc[-49]).removesuffix("+00:00")
    with pytest.warns(DataWarning, match=f"series 'b' ends at {end} UTC, and is forecast from there; the last one"):
        warn(48)


def test_a_panel_of_short_series_names_the_first_few():
    frame = pd.concat([HOURS.head(20).assign(symbol=name) for name in "vwxyz"], ignore_index=True)
    with pytest.raises(SSSDError, match=r"series 'v' 20, series 'w' 20, series 'x' 20 and 2 more series"):
        all_origins(window_source(read_panel(frame, SPEC), SPEC))


def test_rows_that_never_fill_a_bar_are_too_few():
    minutes = ohlcv(pd.date_range("2024-01-01", periods=3, freq="min", tz="UTC"))
    spec = make_spec({("5min", 300): 2}, source_seconds=60)
    source = window_source(read_panel(minutes, spec), spec)
    for ask in (all_origins, last_origins):
        with pytest.raises(SSSDError, match="too few bars of 5min: the data 0; up to 2 needed"):
            ask(source)
