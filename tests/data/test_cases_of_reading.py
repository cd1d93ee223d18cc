"""Files of which each stands for a kind, and what is in them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import choose_columns
from sssd_registry.data.frame import read_frame
from sssd_registry.data.order import series_rows
from sssd_registry.data.reading import reading_of
from sssd_registry.data.spec import resolve
from sssd_registry.errors import SSSDError

CASES = Path(__file__).parent.parent / "cases"


def read(name: str, config: DataConfig = DataConfig()) -> pd.DataFrame:  # noqa: B008  # it cannot change
    frame = read_frame(CASES / name, config)
    return frame.rename(columns={reading_of(frame).time: "time"})


def hours(start: str, count: int) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq="h", tz="UTC")


# The times in UTC, the name of a column and its first values.
READ = {
    "decimal_comma.csv": (hours("2023-01-01", 119), "Preis", [50.51, 52.29, 54.47]),
    "thousands.csv": (pd.date_range("2020-01-01", periods=119, tz="UTC"), "sales", [2014, 2366, 2437]),
    "monthly_dmy_slash.csv": (pd.date_range("2008-01-01", periods=160, freq="MS", tz="UTC"), "sales", [100.13, 105.17]),
    "day_first_12_days.csv": (hours("2023-02-01", 288), "Close", [1.10104, 1.0995]),
    "compact_minutes.csv": (hours("2023-02-01", 119), "Close", [1.10104, 1.0995]),
    "date_and_time.csv": (hours("2023-01-02", 119), "Close", [1.09865, 1.09898]),
    "int_year.csv": (pd.date_range("1885-01-01", periods=120, freq="YS", tz="UTC"), "v", [100.12573022109339]),
    "zone_est.csv": (hours("2023-02-01 05:00", 119), "Close", [1.10104]),
    "zone_utc_plus_2.csv": (hours("2023-01-31 22:00", 119), "Close", [1.10104]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), READ.items(), ids=READ)
def test_what_is_written_is_read(name, expected):
    times, column, values = expected
    frame = read(name)
    assert (pd.DatetimeIndex(frame["time"]) == times).all()
    np.testing.assert_array_equal(frame[column].head(len(values)), values)


def test_the_lines_that_are_no_rows_are_left_out_and_said():
    frame = read("cat_headers.csv")
    assert frame["close"].dtype == float
    assert len(frame) == 220
    assert "1 repeated header line skipped" in reading_of(frame).notes
    frame = read("trailing_blank.csv")
    assert (len(frame), frame["v"].isna().sum()) == (202, 0)
    assert "3 lines of delimiters only skipped" in reading_of(frame).notes


def test_a_file_without_a_header_keeps_its_first_row():
    frame = read("mt4_daily_headerless.csv")
    assert list(frame.columns) == ["time", "open", "high", "low", "close", "volume"]
    assert (frame["time"][0], frame["close"][0], len(frame)) == (pd.Timestamp("2015-01-01", tz="UTC"), 1.10462, 120)
    assert resolve(DataConfig(), read_frame(frame)).targets == ("close",)


def test_counted_steps_are_as_long_as_m4_says():
    spec = resolve(DataConfig(), frame := read_frame(CASES / "int_ds.csv"))
    assert (spec.id, spec.source_seconds, spec.targets, spec.step_length) == ("unique_id", 3600, ("y",), "1h")
    assert any("steps of 1h" in note for note in reading_of(frame).notes)
    assert (frame["ds"] - frame["ds"].iloc[0]).iloc[1] == pd.Timedelta("1h")


def test_local_times_are_those_with_offsets():
    with pytest.raises(SSSDError, match=r"the clock goes back there.*--set data\.timezone=Europe/Berlin"):
        resolve(DataConfig(), read_frame(CASES / "dst_local.csv"))
    config = DataConfig(timezone="Europe/Berlin")
    frame, offsets = read("dst_local.csv", config), read("dst_offsets.csv")
    pd.testing.assert_frame_equal(frame, offsets)
    backwards = frame.iloc[::-1].assign(time=frame["time"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None)[::-1])
    backwards.attrs.clear()
    np.testing.assert_array_equal(read_frame(backwards, config)["time"], offsets["time"])


def test_ids_keep_their_zeros():
    frame = read("ids_001.csv", DataConfig(id="pair"))
    assert [one.id for one in series_rows(frame, "time", "pair")] == ["001", "002", "010"]
    with pytest.raises(SSSDError, match=r"repeats row 1.*--set data\.id=pair"):
        resolve(DataConfig(), read_frame(CASES / "ids_001.csv"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("close_twice.csv", r"two columns are named 'Close'; rename one in line 1"),
        ("stray_quote.csv", r"line 202: a quote opens there and closes 20 lines later"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_place(name, message):
    with pytest.raises(SSSDError, match=message):
        read(name)


def test_dummies_are_looked_at_and_not_forecast():
    for name, target in (("decimal_comma.csv", "Preis"), ("thousands.csv", "sales")):
        frame = read_frame(CASES / name)
        spec = resolve(DataConfig(), frame)
        assert (spec.targets, len(spec.columns)) == ((target,), 2)
        assert choose_columns(DataConfig(), frame, spec.time).left_out == {}
