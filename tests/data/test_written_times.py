"""Times of a forecast as they are written: on the clock of the data, and the same instants when they are read back."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import sssd

from sssd_registry.check_model import sign_model
from sssd_registry.cli.forecast_table import COLUMNS, forecast_lines
from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.origins import last_origins
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.data.windows import windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast, write_forecast
from sssd_registry.horizons import dated_forecast

CASES = Path(__file__).parents[1] / "cases"
# Two days before the clock goes back in Berlin: the second 02:00 is among the times that are forecast.
AUTUMN = pd.date_range("2023-10-20", "2023-10-28 22:00", freq="h", tz="UTC")
BERLIN = "Europe/Berlin"


def load_frame(times: Any) -> pd.DataFrame:
    return pd.DataFrame({"time": times, "load": np.arange(len(times)) % 24 + np.arange(len(times)) % 7 / 10})


def forecast_of(frame: pd.DataFrame, config: DataConfig, horizons: tuple[int, ...] = (1, 2, 3, 4, 6)) -> Forecast:
    """Any samples, at the times that a forecast of ``frame`` has."""
    spec = resolve(config, read_frame(frame, config))
    source = read_windows(frame, spec)
    windows = windows_at(source, last_origins(source))
    samples = np.random.default_rng(0).normal(size=(len(windows), 5, len(horizons), 1))
    return dated_forecast(samples, windows, spec, horizons)


def config(**changes: Any) -> DataConfig:
    return DataConfig(timeframes={"1h": 24}, horizons=(1, 2, 3, 4, 6), **changes)


SOURCES: list[tuple[str, Any, DataConfig, str | None]] = [
    ("naive", AUTUMN.tz_localize(None), config(), None),
    ("local", AUTUMN.tz_convert(BERLIN).tz_localize(None), config(timezone=BERLIN), BERLIN),
    ("offset", [f"{time:%Y-%m-%d %H:%M}+02:00" for time in AUTUMN], config(), "UTC+02:00"),
    ("offsets", [time.isoformat() for time in AUTUMN.tz_convert(BERLIN)], config(), "UTC+02:00"),
    ("Z", [f"{time:%Y-%m-%dT%H:%M}Z" for time in AUTUMN], config(), "UTC"),
    ("EST", [f"{time:%Y-%m-%d %H:%M} EST" for time in AUTUMN], config(), "UTC-05:00"),
    ("aware", AUTUMN.tz_convert(BERLIN), config(), BERLIN),
    ("fixed", AUTUMN.tz_convert(datetime.timezone(datetime.timedelta(hours=5.5))), config(), "UTC+05:30"),
    ("offset in a zone", [f"{time:%Y-%m-%dT%H:%M}Z" for time in AUTUMN], config(timezone=BERLIN), BERLIN),
    ("epochs", AUTUMN.as_unit("s").asi8, config(), None),
    ("epochs in a zone", AUTUMN.as_unit("s").asi8, config(timezone=BERLIN), BERLIN),
]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
@pytest.mark.parametrize(("times", "config", "zone"), [case[1:] for case in SOURCES], ids=[case[0] for case in SOURCES])
def test_a_file_reads_back_as_the_same_instants(
    tmp_path: Path, times: Any, config: DataConfig, zone: str | None, suffix: str
) -> None:
    frame = load_frame(times)
    made = forecast_of(frame, config)
    assert made.zone == zone
    path = tmp_path / f"forecast{suffix}"
    write_forecast(made, path)
    data: Any = pd.read_json(path, convert_dates=False) if suffix == ".json" else path
    back = read_frame(data, config.model_copy(update={"time": "time"}))
    instants = pd.DatetimeIndex(made.times.ravel(), tz="UTC")
    assert (pd.DatetimeIndex(back["time"]) == instants).all()
    last = pd.DatetimeIndex(read_frame(frame, config)["time"])[-1]
    assert (instants[:2] == [last + pd.Timedelta("1h"), last + pd.Timedelta("2h")]).all()
    written = made.to_frame()["time"]
    assert (written.dt.tz is not None) == (zone is not None)


def test_texts_are_iso_8601_on_the_clock_of_the_data(tmp_path: Path) -> None:
    made = forecast_of(load_frame(AUTUMN.tz_convert(BERLIN).tz_localize(None)), config(timezone=BERLIN))
    write_forecast(made, tmp_path / "x.csv")
    texts = pd.read_csv(tmp_path / "x.csv")
    assert texts["origin"].unique().tolist() == ["2023-10-29T00:00:00+02:00"]
    right = ["01:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00", "05:00:00+01:00"]
    assert texts["time"].tolist() == [f"2023-10-29T{text}" for text in right]


def test_dates_without_a_clock_stay_dates(tmp_path: Path) -> None:
    days = pd.date_range("2023-01-01", periods=120, freq="D")
    settings = DataConfig(timeframes={"1d": 24}, horizons=(1, 7), timezone=BERLIN)
    made = forecast_of(load_frame(days), settings, (1, 7))
    assert made.zone is None
    write_forecast(made, tmp_path / "x.csv")
    assert pd.read_csv(tmp_path / "x.csv")["time"].tolist() == ["2023-05-01", "2023-05-07"]


def test_models_saved_before_write_in_the_zone_of_their_settings() -> None:
    berlin = config(timezone=BERLIN)
    spec = resolve(berlin, read_frame(load_frame(AUTUMN.tz_localize(None)), berlin))
    before = spec.model_dump(exclude={"zone"})
    assert DataSpec.model_validate(before).zone is None
    assert DataSpec.model_validate(before).written_zone == BERLIN
    assert DataSpec.model_validate(before | {"timezone": None}).written_zone is None
    with pytest.raises(ValueError, match="no time zone 'Europe/Berln'"):
        DataSpec.model_validate(before | {"zone": "Europe/Berln"})


@pytest.mark.parametrize("case", ["dst_local.csv", "dst_offsets.csv"])
def test_the_cases_of_the_clock(case: str, tmp_path: Path) -> None:
    settings = config(timezone=BERLIN)
    made = forecast_of(read_frame(CASES / case, settings), settings)
    write_forecast(made, tmp_path / "x.csv")
    back = pd.DatetimeIndex(read_frame(tmp_path / "x.csv", settings)["time"])
    assert (back == pd.DatetimeIndex(made.times.ravel(), tz="UTC")).all()
    assert pd.read_csv(tmp_path / "x.csv")["time"].str.endswith("+01:00").all()


def test_the_table_tells_the_hour_that_is_there_twice() -> None:
    made = forecast_of(load_frame(AUTUMN.tz_convert(BERLIN).tz_localize(None)), config(timezone=BERLIN))
    head, title, *rows = forecast_lines(made)
    assert title == "load, after 2023-10-29 00:00+02:00"
    assert [" ".join(row.split()[1:3]) for row in rows[1:3]] == ["2023-10-29 02:00+02:00", "2023-10-29 02:00+01:00"]
    assert len(head) <= COLUMNS
    assert len({len(line) for line in (head, *rows)}) == 1
    naive = list(forecast_lines(forecast_of(load_frame(AUTUMN.tz_localize(None)), config())))
    assert naive[1] == "load, after 2023-10-28 22:00 UTC"


def test_model_and_engine_write_the_same_times(tiny_model: Path, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    """In the files of the model there is no zone, so that it is put in."""
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model

    tiny_frame.to_csv(tmp_path / "naive.csv", index=False)
    times = tiny_frame["time"].dt.tz_localize("UTC").dt.tz_convert(BERLIN)
    tiny_frame.assign(time=times).to_parquet(tmp_path / "data.parquet")
    assert sssd("forecast", tiny_model, tmp_path / "naive.csv", "--out", tmp_path / "without.csv").code == 0
    naive = pd.read_csv(tmp_path / "without.csv")["time"]
    assert not naive.str.contains("+", regex=False).any()
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    content = json.loads((model / "config.json").read_text())
    content["spec"]["zone"] = BERLIN
    (model / "config.json").write_text(json.dumps(content))
    sign_model(model)
    export_model(model, tmp_path / "engine", steps=6, samples=16)
    for folder in (model, tmp_path / "engine"):
        assert sssd("forecast", folder, tmp_path / "data.parquet", "--out", tmp_path / "x.csv").code == 0
        texts = pd.read_csv(tmp_path / "x.csv")["time"]
        assert texts.str.fullmatch(r"2024-02-\d\dT\d\d:00:00\+01:00").all()
        assert (pd.to_datetime(texts, utc=True) == pd.to_datetime(naive, utc=True)).all()
        assert "close, after 2024-02-03 00:00+01:00" in sssd("forecast", folder, tmp_path / "data.parquet").out


def test_a_zone_that_a_machine_lacks_is_one_line() -> None:
    made = forecast_of(load_frame(AUTUMN.tz_localize(None)), config())
    with pytest.raises(SSSDError, match="no time zone 'Mars/Base'"):
        Forecast(**{**made.__dict__, "zone": "Mars/Base"}).to_frame()
