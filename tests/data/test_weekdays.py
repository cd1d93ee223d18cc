"""Business days and other weeks with holes: horizons, seasons and time stamps keep to the days that have bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.config import DataConfig
from sssd_registry.data.calendar import future_times
from sssd_registry.data.durations import parse_horizons, parse_length
from sssd_registry.data.frame import read_frame
from sssd_registry.data.origins import last_origins
from sssd_registry.data.panel import read_panel
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.data.summary import summary
from sssd_registry.data.weekdays import days_with_bars, weekday_of
from sssd_registry.data.windows import window_source, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.horizons import check_horizons, dated_forecast

DAYS = pd.date_range("2023-01-02", "2024-06-27")  # Monday to Thursday
BUSINESS = DAYS[DAYS.day_of_week < 5]
SUNDAY_TO_THURSDAY = DAYS[np.isin(DAYS.day_of_week, (6, 0, 1, 2, 3))]
HALVES = pd.date_range("2024-01-01", "2024-03-01 16:00", freq="30min")
MINUTES = HALVES.hour * 60 + HALVES.minute
EXCHANGE = HALVES[(HALVES.day_of_week < 5) & (MINUTES >= 570) & (MINUTES < 960)]
HOLIDAYS = pd.to_datetime(["2023-12-25", "2023-12-26", "2024-01-01", "2024-03-29", "2024-04-01", "2024-05-01"])


def frame_of(times: pd.DatetimeIndex) -> pd.DataFrame:
    return pd.DataFrame({"ds": times, "y": np.random.default_rng(0).normal(size=len(times)).cumsum()})


def spec_of(times: pd.DatetimeIndex, **settings: object) -> DataSpec:
    config = DataConfig(**settings)
    return resolve(config, read_frame(frame_of(times), config))


def seconds(times: pd.DatetimeIndex) -> np.ndarray:
    return times.to_numpy(dtype="datetime64[s]").astype(np.int64)


@pytest.mark.parametrize(
    ("times", "days"),
    [
        (DAYS, ()),
        (BUSINESS, (0, 1, 2, 3, 4)),
        (BUSINESS[~BUSINESS.isin(HOLIDAYS)], (0, 1, 2, 3, 4)),
        (BUSINESS[:22], (0, 1, 2, 3, 4)),
        (BUSINESS[:8], ()),  # too few to tell
        (SUNDAY_TO_THURSDAY, (0, 1, 2, 3, 6)),
        (EXCHANGE, (0, 1, 2, 3, 4)),
        (HALVES, ()),
        (DAYS[::7], ()),  # weeks
        (pd.date_range("2015", periods=60, freq="MS"), ()),
        (BUSINESS.union(DAYS[[5]]), (0, 1, 2, 3, 4, 5)),  # one Saturday is one
    ],
    ids=["all", "business", "holidays", "short", "shorter", "sunday", "exchange", "halves", "weeks", "months", "one"],
)
def test_days_that_never_have_a_bar_are_found(times: pd.DatetimeIndex, days: tuple[int, ...]) -> None:
    assert spec_of(times).weekdays == days


@given(
    st.sampled_from([BUSINESS, SUNDAY_TO_THURSDAY, EXCHANGE]),
    st.integers(0, 300),
    st.sampled_from([1, 2, 3, 5, 8, 30, 200]),
    st.floats(0, 0.7),
    st.integers(1, 60),
)
def test_no_time_stamp_is_on_a_day_that_never_has_one(
    times: pd.DatetimeIndex, end: int, known: int, missing: float, steps: int
) -> None:
    """However few bars are known, wherever they end, and however many of them are missing."""
    spec = spec_of(times)
    kept = seconds(times)[: len(times) - end]
    kept = kept[np.random.default_rng(end).random(len(kept)) >= missing][-known:]
    made = future_times(kept, spec.bar, steps, spec.weekdays)
    assert len(made) == steps
    assert np.diff(np.concatenate([kept[-1:], made])).min() >= spec.bar_seconds
    assert set(weekday_of(made).tolist()) <= set(spec.weekdays)


def test_with_no_bar_missing_the_time_stamps_are_the_coming_business_days() -> None:
    spec = spec_of(BUSINESS)
    for end in range(300, 340):
        for known in (1, 2, 4, 9, 100):
            made = future_times(seconds(BUSINESS)[end - known : end], spec.bar, 12, spec.weekdays)
            np.testing.assert_array_equal(made, seconds(BUSINESS)[end : end + 12])


def test_windows_alone_do_not_end_on_a_weekend() -> None:
    """An engine's arrays have no more than the lookback."""
    spec = spec_of(BUSINESS, timeframes={"1d": 2}, horizons=("1:5",))  # ends on a Thursday
    source = window_source(read_panel(frame_of(BUSINESS), spec), spec)
    windows = windows_at(source, last_origins(source))
    made = dated_forecast(np.zeros((1, 2, 5, 1)), windows, spec, spec.horizons)
    days = pd.DatetimeIndex(made.times[0])
    assert days.strftime("%a").tolist() == ["Fri", "Mon", "Tue", "Wed", "Thu"]


def test_horizons_count_business_days() -> None:
    spec = spec_of(BUSINESS, horizons=("1:20",))
    assert (spec.week, spec.season) == (5, 5)
    for text, bars in (("5 days", 5), ("5d", 5), ("1w", 5), ("2 weeks", 10), ("5b", 5), ("3 business days", 3)):
        assert check_horizons([text], spec) == [bars], text
    assert check_horizons("1b:1w:2b", spec) == [1, 3, 5]
    assert spec_of(BUSINESS, horizons=("1w", "2w")).horizons == (5, 10)
    assert "bars of 1d on business days, " in summary(read_frame(frame_of(BUSINESS)), spec)
    # On all days of the week a week has seven, and business days are nothing that bars could count.
    spec = spec_of(DAYS)
    assert check_horizons(["1w"], spec) == [7]
    with pytest.raises(SSSDError, match=r"horizon 5b: bars of 1d are no business days here: give it in bars, or as 5d"):
        check_horizons(["5b"], spec)


def test_a_bar_can_be_said_to_be_a_business_day() -> None:
    assert spec_of(BUSINESS[:10], bar="1b").weekdays == (0, 1, 2, 3, 4)
    assert spec_of(BUSINESS[:30].tz_localize("Asia/Tokyo"), bar="1b").week == 5
    assert parse_length("1b") == parse_length("business day") == parse_length("1d")
    with pytest.raises(
        SSSDError, match=r"column 'ds', row 6: 2023-01-07 .* is a Saturday, and data.bar is 1b.*data.bar=1d$"
    ):
        spec_of(DAYS[:60], bar="1b")
    with pytest.raises(SSSDError, match=r"'2b': a bar of business days is one of them: write 1b"):
        spec_of(BUSINESS, bar="2b")


def test_half_hours_are_counted_as_they_are() -> None:
    spec = spec_of(EXCHANGE, horizons=("30min:2h",))
    assert (spec.bar_seconds, spec.season, spec.horizons) == (1800, 13, (1, 2, 3, 4))
    whole = future_times(seconds(EXCHANGE), spec.bar, 14, spec.weekdays)
    assert pd.to_datetime(whole[[0, 12, 13]], unit="s").strftime("%a %H:%M").tolist() == [
        "Mon 09:30", "Mon 15:30", "Tue 09:30",
    ]  # fmt: skip
    assert parse_horizons(["1 hour", "90min"], 1800) == (2, 3)


def test_irregular_rows_on_business_days_make_bars_of_business_days() -> None:
    random = np.random.default_rng(1)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.uniform(0, 60 * 86400, 3000)).round(), "s")
    times = pd.DatetimeIndex(times[times.day_of_week < 5].unique())
    with pytest.raises(SSSDError, match=r"rows lie at irregular times .* --set data.timeframes="):
        spec_of(times)
    spec = spec_of(times, timeframes={"1d": 20}, horizons=("1w",))
    assert (spec.week, spec.horizons, spec.season) == (5, (5,), 5)


def test_a_panel_has_the_days_of_all_its_series() -> None:
    assert days_with_bars(86400, [seconds(BUSINESS), seconds(DAYS)]) == ()
    assert days_with_bars(86400, [seconds(BUSINESS), seconds(SUNDAY_TO_THURSDAY)]) == (0, 1, 2, 3, 4, 6)
