import numpy as np
import pandas as pd
import pytest
from synthetic_frames import currency_hours, currency_minutes, make_spec

from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import to_panel
from sssd_registry.errors import SSSDError

HOURS = currency_hours(weeks=2)
SPEC = make_spec({("1h", 3600): 8})
FIVE_MINUTES = {("5min", 300): 8}


def seconds(times):
    return pd.DatetimeIndex(times).as_unit("s").asi8


def test_values_come_in_the_order_of_the_spec_whatever_the_frames():
    (series,) = to_panel(HOURS[list(reversed(HOURS.columns))], SPEC).series
    np.testing.assert_array_equal(series.values, HOURS[list(SPEC.columns)].to_numpy())
    np.testing.assert_array_equal(series.times, seconds(HOURS["time"]))
    assert series.id == ""


def test_timestamps_at_the_end_of_a_row_give_the_same_bars():
    late = HOURS.assign(time=HOURS["time"] + pd.Timedelta("1h"))
    (start,), (end,) = (
        to_panel(HOURS, SPEC).series,
        to_panel(late, make_spec({("1h", 3600): 8}, timestamps="end")).series,
    )
    np.testing.assert_array_equal(start.times, end.times)
    np.testing.assert_array_equal(start.values, end.values)


@pytest.mark.parametrize("timestamps", ["start", "end"])
def test_finer_rows_become_bars_and_an_open_last_bar_is_left_out(timestamps):
    minutes = currency_minutes(days=1)
    spec = make_spec(FIVE_MINUTES, source_seconds=60, timestamps=timestamps)
    shift = pd.Timedelta("1min") if timestamps == "end" else pd.Timedelta(0)
    (series,) = to_panel(minutes.head(1003).assign(time=minutes["time"].head(1003) + shift), spec).series
    last = minutes["time"].iloc[1002]
    assert pd.Timestamp(series.times[-1] + 300, unit="s", tz="UTC") <= last + pd.Timedelta("1min")
    expected = minutes.head(1003).set_index("time").resample("5min")["close"].last()
    np.testing.assert_array_equal(series.values[:, 3], expected.iloc[: len(series.times)])
    assert len(expected) - len(series.times) == (0 if last.minute % 5 == 4 else 1)


def test_interleaved_panels_come_apart():
    parts = [HOURS.assign(symbol=name, close=HOURS["close"] + add) for name, add in (("a", 0), ("b", 5))]
    frame = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    one, two = to_panel(frame, make_spec({("1h", 3600): 8}, id="symbol")).series
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
            changed("high", 7, np.nan),
            r"column 'high', row 7 \(2024-01-01 06:00:00\+00:00\): .* missing \(NaN\)",
        ),
        (changed("close", 9, -np.inf), r"column 'close', row 9 \(2024-01-01 08:00:00\+00:00\): .* infinite"),
        (HOURS.assign(close=1.25), r"column 'close': all \d+ values are 1\.25; a constant"),
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
        to_panel(frame, SPEC)


def test_only_log_returns_need_positive_values_and_volumes_need_none():
    assert len(to_panel(changed("close", 9, -1.0), SPEC).series) == 1
    spec = make_spec({("1h", 3600): 8}, target_kind="log-return")
    assert len(to_panel(changed("volume", 9, 0.0), spec).series) == 1
    with pytest.raises(SSSDError, match=r"column 'close', row 9 \(2024-01-01 08:00:00\+00:00\): 0 has no logarithm"):
        to_panel(changed("close", 9, 0.0), spec)
    with pytest.raises(SSSDError, match=r"column 'low', row 5 .* -2 has no logarithm"):
        to_panel(changed("low", 5, -2.0), spec)


def test_in_a_panel_the_series_is_named():
    frame = pd.concat([HOURS.assign(symbol="a"), HOURS.assign(symbol="b", close=3.0)], ignore_index=True)
    with pytest.raises(SSSDError, match=r"column 'close', series 'b': all 240 values are 3"):
        to_panel(frame, make_spec({("1h", 3600): 8}, id="symbol"))
    frame.loc[250, "open"] = np.nan
    with pytest.raises(SSSDError, match=r"column 'open', series 'b', row 251 \(2024-01-01 10:00:00\+00:00\)"):
        to_panel(frame, make_spec({("1h", 3600): 8}, id="symbol"))


def test_the_file_is_named(tmp_path):
    path = tmp_path / "prices.csv"
    changed("close", 4, np.nan).to_csv(path, index=False)
    with pytest.raises(SSSDError, match=r"prices\.csv: column 'close', row 4 "):
        to_panel(read_frame(path), SPEC)
