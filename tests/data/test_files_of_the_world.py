"""Files as programs and offices write them, each with what is right."""

import re

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import read_panel
from sssd_registry.data.spec import resolve
from sssd_registry.data.summary import summary
from sssd_registry.errors import DataWarning, SSSDError

N = 240
VALUES = np.round(100 + 10 * np.sin(np.arange(N)), 2)
HOURS = pd.date_range("2023-01-02", periods=N, freq="h")
DAYS = pd.date_range("2022-01-03", periods=N, freq="D")
HALF_HOURS = pd.date_range("2023-01-02", periods=N, freq="30min")
MONTHS = pd.date_range("2000-01-01", periods=N, freq="MS")
QUARTERS = pd.date_range("1960-01-01", periods=N, freq="QS")
WEEKS = pd.date_range("2015-01-05", periods=N, freq="7D")


def table(header, times, delimiter=","):
    return "\n".join([header, *(f"{time}{delimiter}{value}" for time, value in zip(times, VALUES, strict=True))]) + "\n"


def read(tmp_path, text, **settings):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return read_frame(path, DataConfig(**settings))


def times(frame):
    return pd.DatetimeIndex(frame[frame.attrs["reading"].time])


def spans(format, between, step):
    return [f"{t.strftime(format)}{between}{(t + pd.Timedelta(step)).strftime(format)}" for t in HOURS]


@pytest.mark.parametrize(
    ("header", "entries", "right"),
    [
        ("MTU (UTC),y", spans("%d.%m.%Y %H:%M", " - ", "1h"), HOURS),
        ("MTU (CET/CEST),y", spans("%d/%m/%Y %H:%M:%S", " - ", "1h"), HOURS - pd.Timedelta("1h")),
        ("Observation period,y", spans("%Y-%m-%dT%H:%M:%S.0", "/", "1h"), HOURS),
        ("Date,Hours,y", [f"{t:%d-%m-%Y},{t.hour:02d} - {t.hour + 1:02d}" for t in HOURS], HOURS),
        ("Date,Hour,y", [f"{t:%d/%m/%Y},{t:%H:%M}-{t.hour + 1:02d}:00" for t in HOURS], HOURS),
        ("Date,HE,y", [f"{t:%d/%m/%Y},HE{t.hour + 1:02d}" for t in HOURS], HOURS + pd.Timedelta("1h")),
        ("Date,Time,y", [f"{t:%d/%m/%Y},{t:%H.%M.%S}" for t in HOURS], HOURS),
        ("Date,HHMM,y", [f"{t:%Y-%m-%d},{t.hour * 100 + 30}" for t in HOURS], HOURS + pd.Timedelta("30min")),
        ("Settlement Date,Settlement Period,y", [f"{t:%d-%b-%Y},{i % 48 + 1}" for i, t in enumerate(HALF_HOURS)],
         HALF_HOURS),
        ("Date,y", [f"{t:%Y-%m-%d %I-%p}" for t in HOURS], HOURS),
        ("Date,y", [f"{t:%d/%m/%Y %I:%M} {'a.m.' if t.hour < 12 else 'p.m.'}" for t in HOURS], HOURS),
        ("week,y", [f"{t:%G-W%V}" for t in WEEKS], WEEKS),
        ("week,y", [f"{t:%GW%V}" for t in WEEKS], WEEKS),
        ("week,y", [f"{t:%G-W%V}-1" for t in WEEKS], WEEKS),
        ("week,y", [f"{t:%G%V}" for t in WEEKS], WEEKS),
        ("week,y", [f"{t:%Y-%m-%d}/{t + pd.Timedelta('6D'):%Y-%m-%d}" for t in WEEKS], WEEKS),
        ("quarter,y", [f"{t.year}-{t.quarter}" for t in QUARTERS], QUARTERS),
        ("quarter,y", [f"{t.year}:Q{t.quarter}" for t in QUARTERS], QUARTERS),
        ("year,quarter,y", [f"{t.year},Q{t.quarter}" for t in QUARTERS], QUARTERS),
        ("Year,Month,y", [f"{t.year},{t:%b}" for t in MONTHS], MONTHS),
        ("Year,Period,y", [f"{t.year},M{t.month:02d}" for t in MONTHS], MONTHS),
        ("month,y", [f"{t:%Y.%m}" for t in MONTHS], MONTHS),
        ("month,y", [f"{float(f'{t:%Y.%m}')}" for t in MONTHS], MONTHS),
        ("month,y", [f"{t:%m.%Y}" for t in MONTHS], MONTHS),
        ("month,y", [f"{t:%Y %B}" for t in MONTHS], MONTHS),
        ("time,y", [f"{t.year + (t.month - 1) / 12:.4f}" for t in MONTHS], MONTHS),
        ("time,y", [f"{t.year + (t.month - 0.5) / 12:.3f}" for t in MONTHS], MONTHS),
        ("date,y", [f"{t:%d-%b-%y}" for t in QUARTERS[:160]], QUARTERS[:160]),
        ("LAST UPDATE,TIME_PERIOD,y", [f"01/02/23 23:00:00,{t:%Y-%m}" for t in MONTHS], MONTHS),
        ("Zeit (MEZ),y", [f"{t:%d.%m.%Y %H:%M}" for t in HOURS], HOURS - pd.Timedelta("1h")),
        ("time [UTC+2],y", [f"{t:%Y-%m-%d %H:%M}" for t in HOURS], HOURS - pd.Timedelta("2h")),
        ("time (UTC+05:30),y", [f"{t:%Y-%m-%d %H:%M}" for t in HOURS], HOURS - pd.Timedelta("5h30min")),
        ("Local Time (America/New_York),y", [f"{t:%Y-%m-%d %H:%M}" for t in HOURS], HOURS + pd.Timedelta("5h")),
    ],
)  # fmt: skip
def test_times_as_they_are_written(tmp_path, header, entries, right):
    text = "\n".join([header, *(f"{entry},{value}" for entry, value in zip(entries, VALUES, strict=False))])
    frame = read(tmp_path, text + "\n")
    assert (times(frame) == right.tz_localize("UTC")).all()
    assert np.array_equal(frame["y"], VALUES[: len(right)])


def test_an_interval_over_a_change_of_the_clock(tmp_path):
    right = pd.date_range("2023-10-27", periods=N, freq="h", tz="Europe/Berlin")
    spans = [f"{t:%d.%m.%Y %H:%M} - {t + pd.Timedelta('1h'):%d.%m.%Y %H:%M}" for t in right]
    assert (times(read(tmp_path, table("MTU (CET/CEST),y", spans))) == right).all()


def test_a_zone_that_a_name_leaves_open_is_asked_for(tmp_path):
    text = table("Time (CST),y", HOURS)
    with pytest.raises(SSSDError, match=r"data.csv: column 'Time \(CST\)': 'CST' does not say how far from UTC"):
        read(tmp_path, text)
    frame = read(tmp_path, text, timezone="America/Chicago")
    assert times(frame)[0] == pd.Timestamp("2023-01-02 06:00Z")


def test_periods_of_a_day_on_which_the_clock_changes_are_not_guessed(tmp_path):
    entries = [f"2023-10-{day},{period}" for day in (28, 29, 30) for period in range(1, 51 if day == 29 else 49)]
    text = "SETTLEMENT_DATE,SETTLEMENT_PERIOD,y\n" + "".join(f"{one},{i}\n" for i, one in enumerate(entries))
    with pytest.raises(SSSDError, match="'SETTLEMENT_PERIOD': 2023-10-29 has 50 periods of 48"):
        read(tmp_path, text)


@pytest.mark.parametrize("values", ["{:.2f}", "{:.3f}"])
def test_rows_with_a_field_more_than_the_header_are_not_shifted(tmp_path, values):
    shifted = [
        f"{day:%Y-%m-%d},{values.format(value).replace('.', ',')}" for day, value in zip(DAYS, VALUES, strict=True)
    ]
    with pytest.raises(SSSDError, match="line 2 has 3 fields, and the header names 2"):
        read(tmp_path, "\n".join(["date,y", *shifted]) + "\n")


def test_row_names_are_still_row_names(tmp_path):
    rows = [f'"{i}","{day:%Y-%m-%d}",{value}' for i, (day, value) in enumerate(zip(DAYS, VALUES, strict=True), 1)]
    frame = read(tmp_path, "\n".join(['"date","y"', *rows]) + "\n")
    assert (times(frame) == DAYS.tz_localize("UTC")).all()
    assert np.array_equal(frame["y"], VALUES)


def test_points_that_may_mark_thousands_are_asked_for(tmp_path):
    rows = "".join(f"{day:%d.%m.%Y};{4 + i % 5}.{100 + i}\n" for i, day in enumerate(DAYS))
    with pytest.raises(SSSDError, match=r"column 'v': '4.100' may be 4.1 or 4100"):
        read(tmp_path, "Datum;v\n" + rows)
    assert read(tmp_path, "Datum;v\n" + rows, decimal=",")["v"].iloc[0] == 4100
    assert read(tmp_path, "Datum;v\n" + rows, decimal=".")["v"].iloc[0] == 4.1
    assert read(tmp_path, "Datum;v\n" + rows + "31.12.2022;0.5\n")["v"].iloc[0] == 4.1  # one shows the decimals


@pytest.mark.parametrize("kind", ["date", "period"])
def test_parquet_days_and_periods_are_found_under_any_name(tmp_path, kind):
    dates = [day.date() for day in DAYS] if kind == "date" else pd.period_range("2022-01-03", periods=N, freq="D")
    pd.DataFrame({"d": dates, "y": VALUES}).to_parquet(tmp_path / "data.parquet")
    assert (times(read_frame(tmp_path / "data.parquet")) == DAYS.tz_localize("UTC")).all()


@pytest.mark.parametrize(
    ("above", "name"),
    [
        ("title,rates\nunits,Percent\n\nDATE,VALUE\n", "VALUE"),
        ("Month,#Passengers\n", "#Passengers"),
        ("# time,temp\n", "temp"),
        ('"";rate\nEinheit;\nStand;\n', "rate"),
        ("date,y\n,kW\n", "y"),
    ],
)
def test_the_row_with_the_names(tmp_path, above, name):
    delimiter = ";" if ";" in above else ","
    frame = read(tmp_path, above + table("", [f"{day:%Y-%m-%d}" for day in DAYS], delimiter).lstrip("\n"))
    assert name in frame.columns
    assert np.array_equal(frame[name], VALUES)


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"store": [1, 2]}, "--set data.id=store"),
        ({"store": [1, 2], "item": ["a", "b"]}, "only store and item together tell series apart"),
    ],
)
def test_what_tells_series_apart_is_named(columns, advice):
    keys = pd.MultiIndex.from_product([*columns.values(), DAYS[:20]], names=[*columns, "date"]).to_frame(index=False)
    frame = read_frame(keys.assign(sales=np.arange(len(keys)) % 7 + 0.5))
    with pytest.raises(SSSDError, match=advice):
        resolve(DataConfig(), frame)


def test_series_in_rows_are_named_as_such(tmp_path):
    text = "Page," + ",".join(f"{day:%Y-%m-%d}" for day in DAYS) + "\np1," + ",".join(map(str, VALUES)) + "\n"
    with pytest.raises(SSSDError, match=r"columns are times .*; turn it into one row for each value"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("start", "what"), [(b"PK\x03\x04", "spreadsheet"), (b"PAR1", "ends in .parquet"), (b"%PDF-1", "PDF")]
)
def test_other_files_are_called_what_they_are(tmp_path, start, what):
    (tmp_path / "data.csv").write_bytes(start + b"\0" * 50)
    with pytest.raises(SSSDError, match=what):
        read_frame(tmp_path / "data.csv")


def test_last_weekdays_of_months_have_no_gaps():
    ends = pd.date_range("1990-01-31", periods=N, freq="BME")
    frame = read_frame(pd.DataFrame({"time": ends.delete([50, 51]), "y": VALUES[2:]}))
    assert "bars of 1mo, 1 gaps of missing rows, the longest 92 d" in summary(frame, resolve(DataConfig(), frame))


@pytest.mark.parametrize(
    ("missing", "told"), [(-999, True), (9999.0, True), (-99.99, True), (1e30, True), (112, False)]
)
def test_numbers_that_stand_for_missing_values_are_told(tmp_path, missing, told):
    values = VALUES.copy()
    values[[50, 90]] = missing
    frame = read_frame(pd.DataFrame({"time": DAYS, "y": values}))
    spec = resolve(DataConfig(), frame)
    if told:
        with pytest.warns(DataWarning, match=re.escape(f"column 'y': {missing:g} in 2 rows, and 90 to 110 in")):
            read_panel(frame, spec)
    else:
        read_panel(frame, spec)  # where a warning is an error


def test_epochs_that_a_spreadsheet_rounded_are_refused(tmp_path):
    entries = [f"{int(t.timestamp()) * 1000:.6E}" for t in HOURS]
    with pytest.raises(SSSDError, match="column 'time': times are rounded to 1,000 seconds"):
        read(tmp_path, table("time,y", entries))


def test_a_row_of_today_is_seen_in_the_line():
    times = DAYS.append(pd.DatetimeIndex([DAYS[-1] + pd.Timedelta("15h30min")]))
    frame = read_frame(pd.DataFrame({"time": times, "close": [*VALUES, 100.0]}))
    assert "bars of 1d, 1 of them nearer to the one before, no gaps" in summary(frame, resolve(DataConfig(), frame))
