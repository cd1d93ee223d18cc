import numpy as np
import pandas as pd
import pytest
from synthetic_frames import currency_hours, currency_minutes, make_spec

from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import read_panel, without_constants
from sssd_registry.errors import DataWarning, SSSDError

HOURS = currency_hours(weeks=2)
SPEC = make_spec({("1h", 3600): 8})
FIVE_MINUTES = {("5min", 300): 8}


def seconds(times):
    return pd.DatetimeIndex(times).as_unit("s").asi8


def test_values_come_in_the_order_of_the_spec_whatever_the_frames():
    (series,) = read_panel(HOURS[list(reversed(HOURS.columns))], SPEC).series
    np.testing.assert_array_equal(series.values, HOURS[list(SPEC.columns)].to_numpy())
    np.testing.assert_array_equal(series.times, seconds(HOURS["time"]))
    assert series.id == ""


def test_timestamps_at_the_end_of_a_row_give_the_same_bars():
    late = HOURS.assign(time=HOURS["time"] + pd.Timedelta("1h"))
    (start,), (end,) = (
        read_panel(HOURS, SPEC).series,
        read_panel(late, make_spec({("1h", 3600): 8}, timestamps="end")).series,
    )
    np.testing.assert_array_equal(start.times, end.times)
    np.testing.assert_array_equal(start.values, end.values)


@pytest.mark.parametrize("timestamps", ["start", "end"])
def test_finer_rows_become_bars_and_an_open_last_bar_is_left_out(timestamps):
    minutes = currency_minutes(days=1)
    spec = make_spec(FIVE_MINUTES, source_seconds=60, timestamps=timestamps)
    shift = pd.Timedelta("1min") if timestamps == "end" else pd.Timedelta(0)
    (series,) = read_panel(minutes.head(1003).assign(time=minutes["time"].head(1003) + shift), spec).series
    last = minutes["time"].iloc[1002]
    assert pd.Timestamp(series.times[-1] + 300, unit="s", tz="UTC") <= last + pd.Timedelta("1min")
    expected = minutes.head(1003).set_index("time").resample("5min")["close"].last()
    np.testing.assert_array_equal(series.values[:, 3], expected.iloc[: len(series.times)])
    assert len(expected) - len(series.times) == (0 if last.minute % 5 == 4 else 1)


def test_interleaved_panels_come_apart():
    parts = [HOURS.assign(symbol=name, close=HOURS["close"] + add) for name, add in (("a", 0), ("b", 5))]
    frame = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    one, two = read_panel(frame, make_spec({("1h", 3600): 8}, id="symbol")).series
    assert (one.id, two.id) == ("a", "b")
    np.testing.assert_allclose(two.values[:, 3] - one.values[:, 3], 5.0)


def changed(column, row, value):
    frame = HOURS.copy()
    frame.loc[row - 1, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (HOURS.drop(columns="close"), r"no column 'close'"),
        (HOURS.rename(columns={"close": "Close"}), r"no column 'close'.*did you mean 'Close'"),
        (
            changed("high", 7, np.inf),
            r"column 'high', row 7 \(2024-01-01 06:00:00\+00:00\): .* infinite; correct it, or leave the cell empty",
        ),
        (changed("close", 9, -np.inf), r"column 'close', row 9 \(2024-01-01 08:00:00\+00:00\): .* infinite"),
        (
            HOURS.assign(close=HOURS["close"].astype(str).replace(str(HOURS["close"][2]), "x")),
            r"'close', row 3: 'x'",
        ),
        (pd.concat([HOURS, HOURS.tail(1)]), r"row 241: .* repeats row 240"),
        (HOURS.iloc[[1, 0, *range(2, 240)]], r"row 2: .* is earlier than row 1"),
    ],
)
def test_bad_entries_are_errors_that_name_the_place(frame, message):
    with pytest.raises(SSSDError, match=message):
        read_panel(frame, SPEC)


def test_only_log_returns_need_positive_values_and_volumes_need_none():
    assert len(read_panel(changed("close", 9, -1.0), SPEC).series) == 1
    spec = make_spec({("1h", 3600): 8}, target_kind="log-return")
    assert len(read_panel(changed("volume", 9, 0.0), spec).series) == 1
    with pytest.raises(SSSDError, match=r"column 'close', row 9 \(2024-01-01 08:00:00\+00:00\): 0 has no logarithm"):
        read_panel(changed("close", 9, 0.0), spec)
    with pytest.raises(SSSDError, match=r"column 'low', row 5 .* -2 has no logarithm"):
        read_panel(changed("low", 5, -2.0), spec)


def panel(**series):
    return pd.concat([frame.assign(symbol=name) for name, frame in series.items()], ignore_index=True)


PANEL = make_spec({("1h", 3600): 8}, id="symbol")


def test_in_a_panel_the_series_is_named():
    frame = panel(a=HOURS, b=HOURS)
    frame.loc[250, "open"] = np.inf
    with pytest.raises(SSSDError, match=r"column 'open', series 'b', row 251 \(2024-01-01 10:00:00\+00:00\)"):
        read_panel(frame, PANEL)


def test_a_constant_is_read_and_left_out_of_what_is_learnt():
    frame = panel(a=HOURS, b=HOURS.assign(close=3.0))
    everything = read_panel(frame, PANEL)
    assert [series.id for series in everything.series] == ["a", "b"]
    with pytest.warns(DataWarning, match=r"left out: series 'b': column 'close': all 240 values are 3; nothing is l"):
        varying = without_constants(everything, PANEL)
    assert [series.id for series in varying.series] == ["a"]
    assert set(varying.left_out) == {"b"}
    assert without_constants(varying, PANEL) is varying


def test_where_nothing_but_constants_are_it_is_an_error(tmp_path):
    path = tmp_path / "flat.csv"
    HOURS.assign(close=1.25).to_csv(path, index=False)
    with pytest.raises(SSSDError, match=r"flat\.csv: column 'close': all 240 values are 1\.25; nothing is learnt"):
        without_constants(read_panel(read_frame(path), SPEC), SPEC)
    with pytest.raises(SSSDError, match=r"series 'a': column 'close': all 240 .*; and 1 more series"):
        without_constants(read_panel(panel(a=HOURS.assign(close=1.0), b=HOURS.assign(close=2.0)), PANEL), PANEL)


def test_series_without_values_or_of_other_rows_are_left_out_and_the_others_served():
    days = HOURS.iloc[::8].assign(time=pd.date_range("2024-01-01", periods=30, tz="UTC"))
    frame = panel(a=HOURS, empty=HOURS.assign(close=np.nan), days=days)
    with pytest.warns(DataWarning) as told:
        left = read_panel(frame, PANEL)
    assert len(told) == 1
    assert str(told[0].message) == (
        "data: left out: series 'days': rows are 1d apart, and the model's are 1h: bring rows of 1h, or train on rows"
        " such as these; series 'empty': column 'close' has no value"
    )
    assert [series.id for series in left.series] == ["a"]
    assert set(left.left_out) == {"empty", "days"}


def test_many_series_that_are_left_out_are_counted():
    frame = panel(a=HOURS, **{f"e{index}": HOURS.assign(close=np.nan) for index in range(9)})
    with pytest.warns(DataWarning, match=r"series 'e0': .*series 'e1': .*series 'e2': .*; and 6 more series$"):
        read_panel(frame, PANEL)


def test_rows_of_another_length_are_refused():
    with pytest.raises(SSSDError, match=r"^data: rows are 4h apart, and the model's are 1h: bring rows of 1h, or t"):
        read_panel(HOURS.iloc[::4], SPEC)


def test_rows_as_long_as_the_bar_need_not_be_put_together():
    """Forecast with a model of 5-minute bars made from minutes: the last bar is whole then, too."""
    spec = make_spec(FIVE_MINUTES, source_seconds=60)
    minutes = currency_minutes(days=1)
    (made,) = read_panel(minutes, spec).series
    bars = minutes.set_index("time").resample("5min")
    whole = bars.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    (given,) = read_panel(whole.reset_index(), spec).series
    np.testing.assert_array_equal(given.times, made.times)
    np.testing.assert_allclose(given.values, made.values)


def test_the_file_is_named(tmp_path):
    path = tmp_path / "prices.csv"
    changed("close", 4, np.inf).to_csv(path, index=False)
    with pytest.raises(SSSDError, match=r"prices\.csv: column 'close', row 4 "):
        read_panel(read_frame(path), SPEC)
