import pandas as pd
import pytest

from sssd_registry.data.frame import read_frame
from sssd_registry.data.reading import reading_of

DAYS = pd.date_range("2023-01-01", periods=20, freq="6h")


def joined(columns, time=None):
    frame = read_frame(pd.DataFrame(columns | {"v": range(20)}), time)
    return reading_of(frame).time, pd.DatetimeIndex(frame[reading_of(frame).time]).tz_localize(None)


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"Date": DAYS.strftime("%Y-%m-%d"), "Time": DAYS.strftime("%H:%M")}, "Date"),
        ({"Time": DAYS.strftime("%I:%M %p"), "Date": DAYS.strftime("%d.%m.%Y")}, "Date"),
        ({"date": DAYS.strftime("%Y-%m-%d"), "clocks": DAYS.strftime("%H:%M:%S")}, "date"),
        ({"<DATE>": DAYS.strftime("%Y%m%d").astype(int), "<TIME>": DAYS.hour * 10_000}, "<DATE>"),
        ({"date": DAYS.strftime("%Y-%m-%d"), "hour": DAYS.hour}, "date"),
        ({"year": DAYS.year, "month": DAYS.month, "day": DAYS.day, "hour": DAYS.hour}, "time"),
    ],
)
def test_parts_are_joined(columns, name):
    found, times = joined(columns)
    assert found == name
    assert (times == DAYS).all()
    assert (joined(columns, name)[1] == DAYS).all()  # as a model's file is read


def test_hours_up_to_24_end_at_midnight():
    days = DAYS + pd.Timedelta("6h")
    hours = [6, 12, 18, 24] * 5
    _, times = joined({"date": DAYS.strftime("%Y-%m-%d"), "hour": hours})
    assert (times == days).all()


def test_what_is_no_part_of_the_time_is_left_alone():
    daily = pd.date_range("2023-01-01", periods=20)
    frame = read_frame(pd.DataFrame({"date": daily.strftime("%Y-%m-%d"), "sunrise": "06:30", "v": range(20)}))
    assert list(frame.columns) == ["date", "sunrise", "v"]
    frame = read_frame(pd.DataFrame({"time": DAYS, "year": DAYS.year, "month": DAYS.month, "v": range(20)}))
    assert list(frame.columns) == ["time", "year", "month", "v"]
