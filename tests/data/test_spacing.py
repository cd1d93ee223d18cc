"""Rows as far apart as the model's, with whatever gaps; and rows that are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_frames import business_days, currency_hours, currency_minutes

from sssd_registry.data.durations import Length, calendar_length
from sssd_registry.data.spacing import find_spacing, judge_rows

HOUR, DAY = 3600, 86400
RANDOM = np.random.default_rng(5)


def seconds(times: object) -> np.ndarray:
    return pd.DatetimeIndex(times).as_unit("s").asi8


def some(times: np.ndarray, share: float) -> np.ndarray:
    return times[RANDOM.random(len(times)) < share]


HOURS, DAYS, MINUTES = (
    seconds(currency_hours()["time"]),
    seconds(business_days()["date"]),
    seconds(currency_minutes()["time"]),
)
ALL_HOURS = np.arange(3000, dtype=np.int64) * HOUR
EXCHANGE = (np.arange(300)[:, None] * DAY + 52_200 + np.arange(7) * HOUR)[np.arange(300) % 7 < 5].ravel()
NEW_YORK = seconds(pd.date_range("2020-01-01", periods=800, tz="America/New_York").tz_convert("UTC"))
LIVE = np.append(DAYS, DAYS[-1] + 54_321)  # today's row, half way through
MONTHS = seconds(pd.date_range("2000-01-31", periods=100, freq="BME"))
FINE = {
    "hours with weekends": (HOURS, HOUR),
    "half of the hours": (some(HOURS, 0.5), HOUR),
    "a fifth of the hours": (some(ALL_HOURS, 0.2), HOUR),
    "an exchange's hours": (EXCHANGE, HOUR),
    "business days": (DAYS, DAY),
    "a third of the business days": (some(DAYS, 0.3), DAY),
    "local days with changes of the clock": (NEW_YORK, DAY),
    "a live row at the end": (LIVE, DAY),
    "minutes": (MINUTES, 60),
    "a year's pause": (np.concatenate([HOURS, HOURS + 52 * 7 * DAY]), HOUR),
    "three rows": (np.array([0, 4, 8], dtype=np.int64) * HOUR, HOUR),
    "two rows": (np.array([0, 4], dtype=np.int64) * HOUR, HOUR),
    "days at odd seconds": (DAYS + RANDOM.integers(0, 900, len(DAYS)), DAY),
}


@pytest.mark.parametrize(("times", "step"), FINE.values(), ids=FINE)
def test_gaps_are_fine(times: np.ndarray, step: int) -> None:
    verdict = judge_rows(times, Length(step), step, Length(step), 60)
    assert (verdict.fault, verdict.note, verdict.row_seconds) == ("", "", step)


def test_months_with_gaps_are_fine() -> None:
    month = calendar_length(1)
    for times in (MONTHS, some(MONTHS, 0.6), MONTHS[:5]):
        assert judge_rows(times, month, month.seconds, month, 24).fault == ""


MONTH, QUARTER, WEEK = calendar_length(1), calendar_length(3), Length(7 * DAY)
OTHERS = {
    "4-hour rows for hours": (HOURS[HOURS % (4 * HOUR) == 0], Length(HOUR), "4h"),
    "hours for 4-hour rows": (HOURS, Length(4 * HOUR), "1h"),
    "5-minute rows for hours": (np.arange(900, dtype=np.int64) * 300, Length(HOUR), "5min"),
    "days for hours": (DAYS, Length(HOUR), "1d"),
    "hours for days": (EXCHANGE, Length(DAY), "1h"),
    "days for weeks": (DAYS, WEEK, "1d"),
    "months for days": (MONTHS, Length(DAY), "1mo"),
    "months for quarters": (MONTHS, QUARTER, "1mo"),
    "quarters for months": (MONTHS[::3], MONTH, "1q"),
    "days for months": (DAYS, MONTH, "1d"),
    "four weeks for months": (np.arange(50, dtype=np.int64) * 28 * DAY, MONTH, "4w"),
    "months for four weeks": (MONTHS, Length(28 * DAY), "1mo"),
    "a dozen rows": (np.arange(12, dtype=np.int64) * 4 * HOUR, Length(HOUR), "4h"),
}


@pytest.mark.parametrize(("times", "step", "found"), OTHERS.values(), ids=OTHERS)
def test_other_rows_are_refused(times: np.ndarray, step: Length, found: str) -> None:
    fault = judge_rows(times, step, step.seconds, step, 24).fault
    assert fault.startswith(f"rows are {found} apart, and the model's are {step}: bring rows of {step}")


def test_parts_of_another_length_are_refused_where_they_matter_and_named_elsewhere() -> None:
    fine = DAYS[-1] + DAY + np.arange(40, dtype=np.int64) * 300
    verdict = judge_rows(np.concatenate([DAYS, fine]), Length(DAY), DAY, Length(DAY), 60)
    assert verdict.fault.startswith("rows 1501 to 1540 (20")
    assert verdict.fault.endswith("are 5min apart, and the others 1d: keep rows of one length in a file")
    coarse = HOURS[-1] + np.arange(1, 60, dtype=np.int64) * 4 * HOUR
    at_the_end = judge_rows(np.concatenate([HOURS, coarse]), Length(HOUR), HOUR, Length(HOUR), 100)
    assert "are 4h apart, and the others 1h" in at_the_end.fault
    earlier = np.arange(-60, 0, dtype=np.int64) * 4 * HOUR + HOURS[0]
    at_the_start = judge_rows(np.concatenate([earlier, HOURS]), Length(HOUR), HOUR, Length(HOUR), 100)
    assert at_the_start.fault == ""
    assert at_the_start.note.startswith("rows 1 to 61 (2023-12-22 00:00:00 to 2024-01-01 00:00:00) are 4h apart")


@pytest.mark.parametrize(("seconds", "row"), [(60, 60), (300, 300), (900, 900)])
def test_rows_that_make_up_a_bar_are_the_models_too(seconds: int, row: int) -> None:
    times = np.arange(600, dtype=np.int64) * seconds
    assert judge_rows(times, Length(60), 60, Length(900), 60).row_seconds == row
    assert judge_rows(times, Length(60), 60, Length(900), 60).fault == ""


def test_rows_at_any_time_have_no_grid() -> None:
    spacing = find_spacing([np.cumsum(RANDOM.integers(3, 60, 5000))])
    assert spacing is not None
    assert not spacing.grid
    assert spacing.share < 0.05
    assert find_spacing([np.array([7], dtype=np.int64)]) is None
