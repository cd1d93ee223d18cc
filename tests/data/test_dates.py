import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data.date_formats import guess_format, is_date
from sssd_registry.data.dates import read_dates

FORMATS = [
    "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d-%b-%y %H:%M", "%b %d, %Y %H:%M", "%B %d, %Y %H:%M", "%d %B %Y %H:%M",
    "%Y%m%d %H%M%S", "%Y-%b-%d %H:%M", "%d.%m.%y %H:%M", "%d-%m-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f",
    "%a, %d %b %Y %H:%M:%S", "%Y/%m/%d %H:%M", "%Y.%m.%d %H:%M:%S.%f",
]  # fmt: skip


def dates(texts, order=None, zone=None):
    return read_dates(pd.Series(texts, name="t"), order, zone, None, "x.csv")


@given(st.sampled_from(FORMATS), st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2049-11-30")))
def test_a_month_of_hours_reads_back_in_any_notation(format, start):
    times = pd.date_range(pd.Timestamp(start).floor("h"), periods=720, freq="h")
    assert (pd.DatetimeIndex(dates(times.strftime(format)).times) == times.tz_localize("UTC")).all()


@pytest.mark.parametrize("format", ["%d/%m/%Y", "%m/%d/%Y", "%b-%y", "%B %Y", "%Y-%m", "%m/%Y", "%YM%m", "%d.%m.%Y"])
def test_months_are_even_steps(format):
    months = pd.date_range("2008-01-01", periods=50, freq="MS", tz="UTC")
    read = dates(months.strftime(format))
    assert read.even
    assert (pd.DatetimeIndex(read.times) == months).all()


@pytest.mark.parametrize("text", ["{y}Q{q}", "{y}-Q{q}", "Q{q} {y}", "Q{q}/{y}"])
def test_quarters(text):
    read = dates([text.format(y=y, q=q) for y in (2020, 2021) for q in (1, 2, 3, 4)])
    assert (pd.DatetimeIndex(read.times) == pd.date_range("2020-01-01", periods=8, freq="QS", tz="UTC")).all()


def test_the_order_with_even_steps_wins_and_a_tie_is_not_decided():
    session = pd.DatetimeIndex(
        [day + pd.Timedelta(hours=9 + h) for day in pd.bdate_range("2018-02-01", "2018-02-12") for h in range(8)]
    )
    for order, format in (("dmy", "%d/%m/%Y %H:%M"), ("mdy", "%m/%d/%Y %H:%M")):
        read = dates(session.strftime(format))
        assert (read.order, read.even) == (order, True)
        assert (pd.DatetimeIndex(read.times).tz_localize(None) == session).all()
    days = pd.date_range("2018-02-01", periods=12)
    assert not dates(days.strftime("%d/%m/%Y")).even
    assert not dates(days.strftime("%y-%m-%d")).even
    for order, format in (("dmy", "%d/%m/%y"), ("mdy", "%m/%d/%y"), ("ymd", "%y-%m-%d")):
        read = dates(days.strftime(format), order)
        assert (pd.DatetimeIndex(read.times).tz_localize(None) == days).all()


@pytest.mark.parametrize(
    ("behind", "hours"),
    [("Z", 0), (" UTC", 0), (" UTC+2", -2), (" GMT-0330", 3.5), (" +05:30", -5.5), (" EST", 5), (" CEST", -2),
     (" (PDT)", 7), ("+01:00[Europe/Berlin]", -1)],
)  # fmt: skip
def test_what_stands_behind_a_time_is_its_offset(behind, hours):
    read = dates([f"2023-06-01 {hour:02d}:00{behind}" for hour in range(3)])
    assert read.times[0] == pd.Timestamp("2023-06-01", tz="UTC") + pd.Timedelta(hours=hours)


def test_several_notations_in_one_column():
    read = dates(["31/12/2023", "31/12/2023 10:30", "31/12/2023 11:00:05", "31/12/2023 24:00"])
    clocks = ["00:00:00", "10:30:00", "11:00:05", "00:00:00"]
    assert [str(time)[11:19] for time in read.times] == clocks
    assert read.times[3] == pd.Timestamp("2024-01-01", tz="UTC")


@given(st.text(max_size=20))
def test_any_text_is_a_date_or_not_without_a_traceback(text):
    is_date(text)
    guess_format(text, None)
    dates([text, text])


def test_names_are_no_dates():
    for text in ("", "may", "marching 12", "10.5", "1.2.3.4", "12:30", "20240131", "H1", "A-1-2", "31-31-31-31"):
        assert not is_date(text), text
    assert is_date("20240131", digits=True)
