import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.reading import ReadSettings, reading_of
from sssd_registry.data.timestamps import find_time_column
from sssd_registry.errors import SSSDError

HOURS = pd.date_range("2024-01-31 10:00", periods=40, freq="h", tz="UTC")


def parsed(entries, **settings):
    frame = pd.DataFrame({"t": pd.Series(entries), "v": 1.0})
    return pd.DatetimeIndex(read_frame(frame, ReadSettings(time="t", **settings))["t"])


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
        HOURS.strftime("%Y%m%d%H%M"),
        HOURS.strftime("%Y%m%d%H%M%S").astype("int64"),
        HOURS.strftime("%Y%m%d%H").astype("int64"),
        HOURS.as_unit("s").asi8,
        HOURS.as_unit("s").asi8.astype(float),
        HOURS.as_unit("ms").asi8,
        HOURS.as_unit("us").asi8,
        HOURS.as_unit("ns").asi8,
        np.where(np.arange(40) < 20, HOURS.as_unit("ms").asi8, HOURS.as_unit("us").asi8),  # Binance changed in 2025
        HOURS.as_unit("s").asi8 / 86_400 + 25_569,  # a spreadsheet's
        list(HOURS.to_pydatetime()),
        pd.Series(HOURS.strftime("%Y-%m-%d %H:%M")).astype("category"),
    ],
)
def test_every_notation_is_the_same_time_in_utc(entries):
    times = parsed(entries)
    assert str(times.dtype) == "datetime64[ns, UTC]"
    assert (times == HOURS).all()


def test_dates_with_dots_have_the_day_first_even_when_the_month_would_fit():
    days = pd.date_range("2024-02-01", periods=5, tz="UTC")
    assert (parsed(days.strftime("%d.%m.%Y")) == days).all()


def test_days_and_months_as_numbers_and_periods_are_dates():
    days = pd.date_range("2024-02-01", periods=5, tz="UTC")
    assert (parsed(days.strftime("%Y%m%d").astype(int)) == days).all()
    assert (parsed(days.tz_localize(None).to_period("D")) == days).all()
    months = pd.date_range("2020-01-01", periods=40, freq="MS", tz="UTC")
    assert (parsed(months.strftime("%Y%m").astype(int)) == months).all()


def test_steps_are_as_long_as_is_said():
    with pytest.raises(SSSDError, match=r"counts steps \(1, …\).*--set data\.bar=1h"):
        parsed([1, 2, 3])
    assert (parsed([1, 2, 4], step_length="1h").hour == [1, 2, 4]).all()
    assert (
        parsed([1, 2, 14], step_length="1mo") == pd.DatetimeIndex(["1970-02", "1970-03", "1971-03"], tz="UTC")
    ).all()
    config = DataConfig(bar="1d", time="t")
    assert reading_of(read_frame(pd.DataFrame({"t": [1, 2, 3], "v": 1.0}), config)).step_length == "1d"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["2024-01-01", "2024-01-02", "yesterday"], r"data: column 't', row 3: 'yesterday' is not a timestamp"),
        (["2024-01-01", None], r"column 't', row 2: is empty"),
        ([1.7e9, np.nan], r"column 't', row 2: is empty"),
        ([1.7e9, np.inf], r"column 't', row 2: 'inf' is not a timestamp"),
        ([20240101 + day for day in range(20)] + [20240199], r"column 't', row 21: '20240199' is not a timestamp"),
        ([0.5, 1.5], r"holds numbers such as 0.5"),
        (["09:30:00", "10:30:00"], r"times of day without dates, such as '09:30:00'"),
        ([True, False], r"holds no dates \(bool\)"),
        (np.array(["2023-01-01", "4001-01-01"], dtype="datetime64[s]"), r"row 2: '4001-01-01.*' is not a timestamp"),
        (["01/02/2018", "02/02/2018", "03/02/2018"], r"even steps either way.*--set data\.date_order=dmy, or mdy"),
        (["2024-01-01 10:00 IST"] * 3, r"'IST' does not say how far from UTC.*--set data\.timezone=Area/City"),
        (["2024-01-01 10:00+01:00", "2024-01-01 11:00"], r"some times have a zone and some have none"),
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
        ({"month": 3, "when": "2024-01-01"}, "when"),
        ({"Time (EET)": "2024.01.01 00:00", "Open": 1.0}, "Time (EET)"),
    ],
)
def test_the_time_column_is_found(columns, expected):
    assert find_time_column(pd.DataFrame({k: [v, v] for k, v in columns.items()}), None, "x.csv") == expected


def test_a_zone_in_a_name_is_that_of_the_times():
    frame = pd.DataFrame({"Time (EET)": ["2024.01.01 02:00", "2024.07.01 03:00"], "v": 1.0})
    assert (read_frame(frame)["Time (EET)"].dt.hour == 0).all()


def test_no_time_column_lists_some_columns_and_how_to_name_one():
    frame = pd.DataFrame({"open": [1.0], "close": [2.0]})
    with pytest.raises(SSSDError, match=r"x\.csv: no time column among open, close;.*--set data\.time=NAME"):
        find_time_column(frame, None, "x.csv")
    wide = pd.DataFrame(np.ones((1, 2000)))
    with pytest.raises(SSSDError, match=r"among 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1990 more;") as caught:
        find_time_column(wide, "day", "x.csv")
    assert len(str(caught.value)) < 300


def test_a_misspelt_time_column_lists_near_matches():
    with pytest.raises(SSSDError, match=r"no time column 'tmie'.*did you mean 'time'\?"):
        find_time_column(pd.DataFrame({"time": ["2024-01-01"]}), "tmie", "x.csv")
