import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_frames import ohlcv

from sssd_registry.data.resample import MONDAY, bin_starts, resample

ROLES = ("open", "high", "low", "close", "volume")
AGGREGATES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def rows(frame):
    return pd.DatetimeIndex(frame["time"]).as_unit("s").asi8, frame[list(ROLES)].to_numpy()


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    minutes=st.sampled_from([1, 5, 60]),
    bar=st.sampled_from(["1h", "4h", "1D", "7D"]),
    kept=st.sampled_from([1.0, 0.7, 0.05]),
)
def test_the_same_as_pandas_on_all_but_a_first_bar_that_is_cut(seed, minutes, bar, kept):
    random = np.random.default_rng(seed)
    start = pd.Timestamp("1969-12-20", tz="UTC") + pd.Timedelta(minutes=int(random.integers(0, 10**6)) * minutes)
    times = pd.date_range(start, periods=2000, freq=f"{minutes}min")
    frame = ohlcv(times[random.random(len(times)) < kept], seed)
    seconds = int(pd.Timedelta(bar).total_seconds())

    bars = resample(*rows(frame), ROLES, seconds, row_seconds=60 * minutes)

    origin = pd.Timestamp(MONDAY, unit="s")
    naive = frame.assign(time=frame["time"].dt.tz_localize(None))  # pandas 3 takes no origin for days in a zone
    theirs = naive.set_index("time").resample(bar, origin=origin)
    expected = theirs.agg(AGGREGATES)[theirs["close"].count() > 0]
    if naive["time"].iloc[0] > expected.index[0]:
        expected = expected.iloc[1:]
    np.testing.assert_array_equal(bars.starts, expected.index.as_unit("s").asi8)
    np.testing.assert_array_equal(bars.known, bars.starts + seconds)
    np.testing.assert_allclose(bars.values, expected.to_numpy(), rtol=1e-13)


def test_gaps_invent_no_bars():
    times = np.array([0, 3600, 10 * 86400, 10 * 86400 + 3600], dtype=np.int64)
    bars = resample(times, np.ones((4, 5)), ROLES, 14400, row_seconds=3600)
    np.testing.assert_array_equal(bars.starts, [0, 10 * 86400])


def test_weeks_start_on_mondays():
    times = pd.date_range("2023-11-01", "2024-03-31", freq="D", tz="UTC")
    bars = resample(*rows(ohlcv(times)), ROLES, 7 * 86400, row_seconds=86400)
    starts = pd.to_datetime(bars.starts, unit="s")
    assert len(starts) > 15
    assert (starts.day_of_week == 0).all()
    assert (starts == starts.normalize()).all()


def test_a_row_that_straddles_two_bars_belongs_to_the_one_in_which_it_ends():
    half_past = np.arange(8, 16, dtype=np.int64) * 3600 + 1800  # 08:30 to 15:30
    starts = bin_starts(half_past, 14400, row_seconds=3600) // 3600
    np.testing.assert_array_equal(starts, [8, 8, 8, 12, 12, 12, 12, 16])
    np.testing.assert_array_equal(bin_starts(half_past, 14400) // 3600, [8, 8, 8, 8, 12, 12, 12, 12])


@pytest.mark.parametrize("value", [0, 5])
def test_other_values_keep_the_last_entry_as_the_close_does(value):
    values = np.arange(12, dtype=float)[:, None] + value
    bars = resample(np.arange(12, dtype=np.int64) * 60, values, ("value",), 300, row_seconds=60)
    np.testing.assert_array_equal(bars.values[:, 0] - value, [4, 9, 11])


def test_no_rows_no_bars():
    bars = resample(np.empty(0, dtype=np.int64), np.empty((0, 5)), ROLES, 300)
    assert bars.values.shape == (0, 5)
