import numpy as np
import pandas as pd
import pytest

from sssd_registry.data.timestamps import find_time_column, parse_times
from sssd_registry.errors import SSSDError

HOURS = pd.date_range("2024-01-31 10:00", periods=40, freq="h", tz="UTC")


def parsed(entries):
    return pd.DatetimeIndex(parse_times(pd.Series(entries, name="t"), "x.csv"))


@pytest.mark.parametrize(
    "entries",
    [
        HOURS.tz_localize(None),
        HOURS,
        HOURS.tz_convert("America/New_York"),
        HOURS.as_unit("s"),
        HOURS.strftime("%Y-%m-%d %H:%M:%S"),
        HOURS.strftime("%Y-%m-%dT%H:%M:%SZ"),
        HOURS.tz_convert("Asia/Tokyo").strftime("%Y-%m-%d %H:%M:%S%z"),
        HOURS.strftime("%m/%d/%Y %H:%M"),
        HOURS.strftime("%d/%m/%Y %H:%M"),
        HOURS.strftime("%d.%m.%Y %H:%M:%S.000"),
        HOURS.as_unit("s").asi8,
        HOURS.as_unit("s").asi8.astype(float),
        HOURS.as_unit("ms").asi8,
        HOURS.as_unit("us").asi8,
        HOURS.as_unit("ns").asi8,
        list(HOURS.to_pydatetime()),
    ],
)
def test_every_notation_is_the_same_time_in_utc(entries):
    times = parsed(entries)
    assert str(times.dtype) == "datetime64[ns, UTC]"
    assert (times == HOURS).all()


def test_dates_with_dots_have_the_day_first_even_when_the_month_would_fit():
    days = pd.date_range("2024-02-01", periods=5, tz="UTC")
    assert (parsed(days.strftime("%d.%m.%Y")) == days).all()


def test_days_as_numbers_and_periods_are_dates():
    days = pd.date_range("2024-02-01", periods=5, tz="UTC")
    assert (parsed(days.strftime("%Y%m%d").astype(int)) == days).all()
    assert (parsed(days.tz_localize(None).to_period("D")) == days).all()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            ["2024-01-01", "2024-01-02", "yesterday"],
            r"x\.csv: column 't', row 3: 'yesterday' is not a timestamp",
        ),
        (["2024-01-01", None], r"column 't', row 2: is empty"),
        ([1.7e9, np.nan], r"column 't', row 2: is empty"),
        ([1.7e9, np.inf], r"column 't', row 2: 'inf' is not a timestamp"),
        ([20240101, 20240199], r"column 't', row 2: '20240199' is not a timestamp"),
        ([0, 1, 2], r"holds numbers such as 0, which are neither dates"),
        ([0.5, 1.5], r"holds numbers such as 0.5"),
        (["09:30:00", "10:30:00"], r"times of day without dates, such as '09:30:00'"),
    ],
)
def test_what_is_no_timestamp_is_an_error_that_names_the_row(entries, message):
    with pytest.raises(SSSDError, match=message):
        parsed(entries)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"open": 1.0, "Gmt time": "01.02.2024 00:00"}, "Gmt time"),
        ({"DATE": "2024-01-01", "x": 1.0}, "DATE"),
        ({"date": "2024-01-01", "time": "09:30"}, "date"),
        ({"x": 1.0, "when": "2024-01-01"}, "when"),
        ({"x": 1.0, "when": pd.Timestamp("2024-01-01")}, "when"),
        ({"version": "1.2", "when": "2024-01-01"}, "when"),
        ({"created": pd.Timestamp("2024-01-01"), "timestamp": 1704067200}, "timestamp"),
    ],
)
def test_the_time_column_is_found(columns, expected):
    assert find_time_column(pd.DataFrame({k: [v, v] for k, v in columns.items()}), None, "x.csv") == expected


def test_no_time_column_lists_the_columns_and_how_to_name_one():
    frame = pd.DataFrame({"open": [1.0], "close": [2.0]})
    with pytest.raises(SSSDError, match=r"x\.csv: no time column among open, close;.*--set data\.time=NAME"):
        find_time_column(frame, None, "x.csv")


def test_a_misspelt_time_column_lists_near_matches():
    with pytest.raises(SSSDError, match=r"no time column 'tmie'.*did you mean 'time'\?"):
        find_time_column(pd.DataFrame({"time": ["2024-01-01"]}), "tmie", "x.csv")
