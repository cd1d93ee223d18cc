import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_frames import currency_hours, currency_minutes

from sssd_registry.data.calendar import future_times


def seconds(times):
    return pd.DatetimeIndex(times).as_unit("s").asi8


HOURS = seconds(currency_hours(weeks=12)["time"])
MINUTES = seconds(currency_minutes(days=28)["time"])
DAYS = seconds(pd.bdate_range("2020-01-01", periods=300))


@settings(deadline=None, max_examples=60)
@given(end=st.integers(400, len(HOURS) - 60), steps=st.integers(1, 50))
def test_a_currencys_hours_go_on_after_the_weekend(end, steps):
    np.testing.assert_array_equal(future_times(HOURS[:end], 3600, steps), HOURS[end : end + steps])


@settings(deadline=None, max_examples=60)
@given(end=st.integers(20, 250), steps=st.integers(1, 50))
def test_business_days_skip_weekends(end, steps):
    np.testing.assert_array_equal(future_times(DAYS[:end], 86400, steps), DAYS[end : end + steps])


def test_friday_night_is_followed_by_sunday_night():
    times = pd.to_datetime(HOURS, unit="s")
    friday = np.flatnonzero((times.day_of_week == 4) & (times.hour == 21))[-1]
    following = pd.to_datetime(future_times(HOURS[: friday + 1], 3600, 2), unit="s")
    assert (following.day_of_week == 6).all()
    assert following.hour.tolist() == [22, 23]


def test_minutes_missing_here_and_there_are_expected_again():
    following = future_times(MINUTES[: len(MINUTES) // 2], 60, 500)
    step = np.diff(following)
    assert ((step == 60) | (step > 86400)).all()


@pytest.mark.parametrize(
    ("times", "bar"),
    [
        (np.arange(500, dtype=np.int64) * 3600, 3600),
        (np.arange(500, dtype=np.int64) * 300 + 120, 300),
        (HOURS[:30], 3600),
        (DAYS[:3], 86400),
        (np.arange(100, dtype=np.int64) * 604800, 604800),
        (np.arange(60, dtype=np.int64) * 31 * 86400, 31 * 86400),
        (np.arange(500, dtype=np.int64) * 5 * 3600, 5 * 3600),
        (np.cumsum(np.random.default_rng(0).integers(3000, 4000, 2000)), 3600),
        (np.array([7], dtype=np.int64), 60),
    ],
)
def test_where_no_gaps_recur_one_bar_follows_the_other(times, bar):
    expected = times[-1] + bar * np.arange(1, 41)
    np.testing.assert_array_equal(future_times(times, bar, 40), expected)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), bar=st.sampled_from([60, 3600, 14400, 86400]), kept=st.floats(0.05, 1))
def test_bars_never_overlap_and_always_come_after_the_last(seed, bar, kept):
    random = np.random.default_rng(seed)
    times = np.arange(3000, dtype=np.int64) * bar + random.integers(0, 2) * 1800
    times = times[random.random(len(times)) < kept]
    following = future_times(times, bar, 30)
    assert following.dtype == np.int64
    assert following.shape == (30,)
    assert (np.diff(np.concatenate([times[-1:], following])) >= bar).all()


def test_a_change_of_the_clock_doubles_no_day():
    local = pd.date_range("2024-09-01", "2024-11-30", freq="B", tz="America/New_York")
    following = pd.to_datetime(future_times(seconds(local), 86400, 10), unit="s")
    assert (following.day_of_week < 5).all()
    assert not following.normalize().duplicated().any()
