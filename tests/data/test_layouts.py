"""Files as programs write them, by name and without."""

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import left_out
from sssd_registry.data.frame import read_frame
from sssd_registry.data.reading import reading_of
from sssd_registry.data.spec import resolve

N = 60
TIMES = pd.date_range("2023-02-01", periods=N, freq="h")
MS = TIMES.as_unit("ms").asi8
CLOSE = np.round(1.1 + np.random.default_rng(0).normal(0, 1e-3, N).cumsum(), 5)
BAR = [f"{c:.5f},{c + 0.001:.5f},{c - 0.001:.5f},{c:.5f}" for c in CLOSE]
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def rows(row, order=range(N)):
    return "".join(row(i) + "\n" for i in order)


def kline(i):
    return f"{MS[i]},{BAR[i]},{i}.5,{MS[i] + 3599999},{i}.5,{i},1.5,2.5,0"


def tabs(text):
    return text.replace(",", "\t")


FILES = {
    "MetaTrader 5": "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    + rows(lambda i: tabs(f"{TIMES[i]:%Y.%m.%d,%H:%M:%S},{BAR[i]},{i},0,3")),
    "MetaTrader 4": rows(lambda i: f"{TIMES[i]:%Y.%m.%d,%H:%M},{BAR[i]},{i}"),
    "HistData": rows(lambda i: f"{TIMES[i]:%Y%m%d %H%M%S},{BAR[i]},0".replace(",", ";")),
    "Dukascopy": "Gmt time,Open,High,Low,Close,Volume\n"
    + rows(lambda i: f"{TIMES[i]:%d.%m.%Y %H:%M:%S}.000,{BAR[i]},{i}.5"),
    "Dukascopy, local": "Local time,Open,High,Low,Close,Volume\n"
    + rows(lambda i: f"{TIMES[i] - pd.Timedelta('5h'):%d.%m.%Y %H:%M:%S}.000 GMT-0500,{BAR[i]},{i}.5"),
    "Binance": rows(kline),
    "Binance with a header": KLINES + "\n" + rows(kline),
    "CryptoDataDownload": "https://www.CryptoDataDownload.com\n"
    "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"
    + rows(lambda i: f"{MS[i]},{TIMES[i]},BTC/USDT,{BAR[i]},{i}.5,{i}.25,{i}", reversed(range(N))),
    "yfinance": "Price,Open,High,Low,Close,Volume\nTicker,A,A,A,A,A\nDatetime,,,,,\n"
    + rows(lambda i: f"{TIMES[i]}+00:00,{BAR[i]},{i}"),
    "GluonTS": "item_id,timestamp,target,feature\n" + rows(lambda i: f"007,{TIMES[i]},{CLOSE[i]},{i}"),
    "Nixtla": "unique_id,ds,y\n" + rows(lambda i: f"NA,{TIMES[i]},{CLOSE[i]}"),
    "R": '"time" "close" "volume"\n' + rows(lambda i: f'"{i + 1}" "{TIMES[i]}" {CLOSE[i]} {i * i}'),
    "blanks": "date  time   close\n" + rows(lambda i: f"{TIMES[i]:%Y-%m-%d %H:%M}  {CLOSE[i]}"),
    "a spreadsheet's": "sep=;\nDatum;Schluss;Menge\n"
    + rows(lambda i: f"{TIMES[i]:%d.%m.%Y %H:%M};{str(CLOSE[i]).replace('.', ',')};1"),
    "parts": "No,year,month,day,hour,pm\n"
    + rows(lambda i: f"{i + 1},{TIMES[i].year},{TIMES[i].month},{TIMES[i].day},{TIMES[i].hour},{CLOSE[i]}"),
    "date and hour": "instant,dteday,season,hr,cnt\n"
    + rows(lambda i: f"{i + 1},{TIMES[i]:%Y-%m-%d},1,{TIMES[i].hour},{CLOSE[i]}"),
    "date and whole numbers": "<DATE>,<TIME>,<CLOSE>\n" + rows(lambda i: f"{TIMES[i]:%Y%m%d,%H%M%S},{CLOSE[i]}"),
    "units": "time,close,wind\n,EUR,km/h\n" + rows(lambda i: f"{TIMES[i]},{CLOSE[i]},{i % 2}"),
    "no header": rows(lambda i: f"{TIMES[i]},{CLOSE[i]}"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_times_and_target_of_a_layout(tmp_path, name):
    path = tmp_path / "x.csv"
    path.write_text(FILES[name])
    frame = read_frame(path)
    spec = resolve(DataConfig(), frame)
    assert (pd.DatetimeIndex(frame[spec.time]) == TIMES.tz_localize("UTC")).all()
    assert spec.source_seconds == 3600
    assert len(spec.targets) == 1
    np.testing.assert_array_equal(frame[spec.targets[0]], CLOSE)
    if "open" in spec.roles:
        assert {"open", "high", "low", "close", "volume"} <= set(spec.roles)
    again = read_frame(path, spec)  # as forecasting reads it
    pd.testing.assert_frame_equal(frame, again)


def test_what_a_layout_has_and_says_nothing_is_left_out(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(FILES["Binance"])
    frame = read_frame(path)
    spec = resolve(DataConfig(), frame)
    reasons = left_out(frame, (*spec.columns, spec.time))
    assert reasons == {"close_time": "time stamps", "ignore": "says nothing"}
    assert "no header: columns of Binance" in reading_of(frame).notes


def test_ids_of_a_layout_keep_their_text(tmp_path):
    path = tmp_path / "x.csv"
    for name, column, id in (("GluonTS", "item_id", "007"), ("Nixtla", "unique_id", "NA")):
        path.write_text(FILES[name])
        frame = read_frame(path)
        assert resolve(DataConfig(), frame).id == column
        assert set(frame[column]) == {id}


def test_several_tickers_are_columns_with_both_names(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(
        "Price,Close,Close,Volume,Volume\nTicker,A,B,A,B\nDate,,,,\n"
        + rows(lambda i: f"{TIMES[0] + pd.Timedelta(days=i):%Y-%m-%d},{CLOSE[i]},2,3,4")
    )
    assert list(read_frame(path).columns) == ["Date", "Close A", "Close B", "Volume A", "Volume B"]


@pytest.mark.parametrize("header", ["V", "", "id"])
def test_a_row_for_each_series_becomes_a_row_for_each_value(tmp_path, header):
    path = tmp_path / "m4.csv"
    names = ["V1", *(f"V{k}" for k in range(2, 32))] if header == "V" else [header, *map(str, range(1, 31))]
    lines = [",".join(f'"{name}"' for name in names)]
    values = {f"D{k}": np.arange(20 + k) + k / 4 for k in range(1, 4)}
    lines += [",".join([f'"{id}"', *map(str, row), *[""] * (30 - len(row))]) for id, row in values.items()]
    path.write_text("\n".join(lines))
    frame = read_frame(path)
    spec = resolve(DataConfig(), frame)
    assert (spec.id, spec.targets, spec.source_seconds, spec.step_length) == ("unique_id", ("y",), 86_400, "1d")
    for id, row in values.items():
        np.testing.assert_array_equal(frame["y"][frame["unique_id"] == id], row)


def test_a_wide_file_of_columns_keeps_them_and_each_can_be_set(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("date," + ",".join(map(str, range(1, 300))) + "\n" + rows(
        lambda i: f"{TIMES[i]}," + ",".join(str(k + i) for k in range(299))))  # fmt: skip
    config = DataConfig(targets=(2,), columns=(2, 3))
    spec = resolve(config, read_frame(path, config))
    assert (spec.targets, spec.columns) == (("2",), ("2", "3"))
