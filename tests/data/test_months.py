"""Rows of calendar months, quarters and years: found, told from weeks that are nearly as long, and carried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import calendar_length
from sssd_registry.data.frame import read_frame
from sssd_registry.data.months import earlier_months, later_months
from sssd_registry.data.spacing import find_spacing

CASES = Path(__file__).parent.parent / "cases"
# How rows lie in their months -> months from one to the next.
CALENDARS = {
    "MS": 1,
    "ME": 1,
    "BMS": 1,
    "BME": 1,
    "WOM-3FRI": 1,
    "WOM-1MON": 1,
    "2ME": 2,
    "QS": 3,
    "QE": 3,
    "QE-NOV": 3,
    "BQE": 3,
    "2QE-DEC": 6,
    "YS": 12,
    "YE": 12,
    "YE-JUN": 12,
    "BYE": 12,
    "10YS": 120,
}


def seconds(times: pd.DatetimeIndex) -> np.ndarray:
    return times.as_unit("s").asi8


@pytest.mark.parametrize(
    ("name", "months", "ahead"),
    [
        ("monthly_me", 1, ["2021-05-31", "2021-06-30", "2021-07-31"]),
        ("monthly_ms", 1, ["2021-05-01", "2021-06-01", "2021-07-01"]),
        ("quarterly", 3, ["2025-01-01", "2025-04-01", "2025-07-01"]),
        ("yearly", 12, ["2020-01-01", "2021-01-01", "2022-01-01"]),
    ],
)
def test_files_of_months_go_on_by_the_calendar(name: str, months: int, ahead: list[str]) -> None:
    frame = read_frame(CASES / f"{name}.csv")
    times = seconds(pd.DatetimeIndex(frame.iloc[:, 0]))
    spacing = find_spacing([times])
    assert spacing is not None
    assert spacing.length == calendar_length(months)
    made = future_times(times, spacing.length, 3)
    assert pd.DatetimeIndex(made.astype("datetime64[s]")).strftime("%Y-%m-%d").tolist() == ahead


@pytest.mark.parametrize("freq", CALENDARS)
@pytest.mark.parametrize("start", ["1871-01-01", "1998-02-10"])
def test_every_calendar_is_found_and_carried_on(freq: str, start: str) -> None:
    times = pd.date_range(start, periods=70 if freq != "10YS" else 25, freq=freq)
    # The ends of ten quarters may all be weekdays.
    for end in range(24 if "B" in freq else 10, len(times) - 8, 7):
        spacing = find_spacing([seconds(times[:end])])
        assert spacing is not None
        assert spacing.length.months == CALENDARS[freq]
        made = future_times(seconds(times[:end]), spacing.length, 8)
        np.testing.assert_array_equal(made, seconds(times[end : end + 8]))


def test_last_thursdays_stay_last_thursdays() -> None:
    times = pd.date_range("1998-01-01", periods=60, freq=pd.offsets.LastWeekOfMonth(weekday=3))
    spacing = find_spacing([seconds(times[:20])])
    assert spacing is not None
    assert spacing.length == calendar_length(1)
    np.testing.assert_array_equal(future_times(seconds(times[:20]), spacing.length, 40), seconds(times[20:]))


@pytest.mark.parametrize("freq", ["28D", "30D", "91D", "364D", "W-SUN", "14D", "D", "B", "h"])
def test_what_has_a_fixed_length_keeps_it(freq: str) -> None:
    times = pd.date_range("2001-01-07", periods=100, freq=freq)
    spacing = find_spacing([seconds(times)])
    assert spacing is not None
    assert spacing.length.months == 0
    assert spacing.length.seconds == np.median(np.diff(seconds(times)))


def test_the_weeks_of_a_retail_calendar_are_weeks() -> None:
    spacing = find_spacing([np.cumsum([28, 28, 35] * 40).astype(np.int64) * 86_400])
    assert spacing is not None
    assert spacing.length == (28 * 86_400, 0)


@pytest.mark.parametrize("day", [15, 28, 29, 30])
def test_a_day_of_the_month_stays_it_but_where_a_month_is_too_short(day: int) -> None:
    times = pd.DatetimeIndex([pd.Timestamp(2019, 1, 1) + pd.DateOffset(months=m, day=day) for m in range(40)])
    made = future_times(seconds(times[:20]), calendar_length(1), 20)
    np.testing.assert_array_equal(made, seconds(times[20:]))


def test_missing_months_a_delivery_of_today_and_midnights_elsewhere_change_nothing() -> None:
    ends = pd.date_range("2000-01-31", periods=200, freq="ME")
    some = ends[np.random.default_rng(1).random(200) < 0.6]
    assert future_times(seconds(some), calendar_length(1), 1)[0] == seconds(some[-1:] + pd.offsets.MonthEnd())[0]
    today = pd.date_range("2015-01-01", periods=40, freq="MS").append(pd.DatetimeIndex(["2018-04-17"]))
    assert future_times(seconds(today), calendar_length(1), 1)[0] == pd.Timestamp("2018-05-01").timestamp()
    berlin = pd.date_range("2015-01-01", periods=42, freq="MS", tz="Europe/Berlin").tz_convert("UTC")
    for times in (some, today, berlin):
        spacing = find_spacing([seconds(times)])
        assert spacing is not None
        assert spacing.length.months == 1


@given(first=st.integers(-1500, 1500), months=st.sampled_from([1, 3, 12]), freq=st.sampled_from(["ME", "MS"]))
def test_earlier_is_the_inverse_of_later(first: int, months: int, freq: str) -> None:
    start = pd.Timestamp(1970, 1, 1) + pd.DateOffset(months=first)
    times = seconds(pd.date_range(start, periods=12 * months, freq=freq)[::months])
    np.testing.assert_array_equal(earlier_months(times[1:], months), times[:-1])
    np.testing.assert_array_equal(later_months(times[:5], months, 7), times[5:])
