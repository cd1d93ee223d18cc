"""The container of forecasts: shapes, summaries, frames and files."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data import csv_file
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast, write_forecast

B, S, K, C = 2, 50, 3, 2


def make(**changes: Any) -> Forecast:
    origins = np.array(["2018-01-05T22:00", "2018-01-08T03:00"], dtype="datetime64[ns]")
    fields: dict[str, Any] = {
        "samples": np.random.default_rng(0).normal(1e-7, 1e-9, (B, S, K, C)),
        "horizons": (1, 4, 24),
        "targets": ("Close", "Volume"),
        "series": np.array(["EUR", "GBP"], dtype=object),
        "origin_times": origins,
        "times": origins[:, None] + np.array([1, 4, 24], dtype="timedelta64[h]"),
        "id_column": "pair",
        "time_column": "when",
    }
    return Forecast(**fields | changes)


def test_quantiles_are_numpys_and_in_order() -> None:
    forecast = make()
    several = forecast.quantile([0.1, 0.5, 0.9])
    assert several.shape == (3, B, K, C)
    assert forecast.quantile(0.5).shape == forecast.mean.shape == (B, K, C)
    np.testing.assert_array_equal(several[1], forecast.quantile(0.5))
    np.testing.assert_array_equal(forecast.quantile(0.5), np.median(forecast.samples, axis=1))
    assert (np.diff(several, axis=0) > 0).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", np.zeros((B, S, K))),
        ("samples", np.zeros((B, 0, K, C))),
        ("horizons", (1.0, 4.0)),
        ("targets", ("Close",)),
        ("series", np.array(["EUR"], dtype=object)),
        ("origin_times", np.zeros(3, dtype="datetime64[ns]")),
        ("times", np.zeros((B, K + 1), dtype="datetime64[ns]")),
    ],
)
def test_shapes_must_belong_together(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        make(**{field: value})


def test_a_sample_that_is_not_finite_is_named() -> None:
    samples = make().samples.copy()
    samples[1, 7, 2, 1] = np.nan
    with pytest.raises(SSSDError, match=r"1 of 600 samples .*'Volume' at horizon 24 of the origin 2018-01-08T03"):
        make(samples=samples)


@pytest.mark.parametrize(
    ("where", "cause"),
    [
        ((1, 7, 2, 1), "the sampling diverged; take more steps or another scheduler"),
        ((1, slice(None), 2, 1), "every sample there, so that it lies in the window's values or in the model"),
        (slice(None), "so that the model itself gives none; `sssd check MODEL` looks into it"),
    ],
)
def test_more_steps_are_advised_only_where_they_may_help(where: Any, cause: str) -> None:
    samples = make().samples.copy()
    samples[where] = np.nan
    with pytest.raises(SSSDError, match=cause):
        make(samples=samples)


def test_other_precisions_are_taken() -> None:
    base = make()
    forecast = make(samples=base.samples.astype(np.float32), origin_times=base.origin_times.astype("datetime64[s]"))
    assert forecast.samples.dtype == np.float64
    assert forecast.origin_times.dtype == np.dtype("datetime64[ns]")


@given(window=st.integers(0, B - 1), horizon=st.integers(0, K - 1), target=st.integers(0, C - 1))
def test_each_row_of_the_frame_is_the_cell_it_names(window: int, horizon: int, target: int) -> None:
    forecast = make()
    frame = forecast.to_frame((0.1, 0.9))
    assert list(frame) == ["pair", "origin", "horizon", "when", "target", "mean", "0.1", "0.9"]
    assert len(frame) == B * K * C
    row = frame[
        (frame["pair"] == forecast.series[window])
        & (frame["horizon"] == forecast.horizons[horizon])
        & (frame["target"] == forecast.targets[target])
    ]
    assert len(row) == 1
    cell = window, horizon, target
    assert row["mean"].item() == forecast.mean[cell]
    assert row["0.9"].item() == forecast.quantile(0.9)[cell]
    assert row["when"].item() == pd.Timestamp(forecast.times[window, horizon])
    assert row["origin"].item() == pd.Timestamp(forecast.origin_times[window])


def test_frame_without_ids_and_with_horizons_between_bars() -> None:
    frame = make(id_column=None, series=np.array(["", ""], dtype=object), horizons=(1, 1.5, 24)).to_frame()
    assert "pair" not in frame
    assert frame["horizon"].tolist()[:6] == [1, 1, 1.5, 1.5, 24, 24]
    assert make().to_frame()["horizon"].dtype == np.int64


def test_frame_refuses_two_columns_of_one_name() -> None:
    with pytest.raises(SSSDError, match="two columns 'target'"):
        make(id_column="target").to_frame()


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    frame = (
        pd.DataFrame(json.loads(path.read_text())) if path.suffix == ".json" else pd.read_csv(path, **csv_file._EXACT)
    )
    return frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[ns]") for name in ("origin", "when")})


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_files_hold_the_frame_to_the_last_digit(tmp_path: Path, suffix: str) -> None:
    forecast = make()
    write_forecast(forecast, tmp_path / f"f{suffix}")
    expected = forecast.to_frame()
    assert expected["mean"].abs().max() < 1e-6  # so that rounding to decimals would show
    pd.testing.assert_frame_equal(read(tmp_path / f"f{suffix}"), expected, check_exact=True)
    assert [file.name for file in tmp_path.iterdir()] == [f"f{suffix}"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f.xlsx", r"f\.xlsx: .*\.csv, \.parquet or \.json"),
        ("f", "without suffix"),
        ("no/f.csv", "no folder"),
    ],
)
def test_unwritable_names_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SSSDError, match=message):
        write_forecast(make(), tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("writer", ["to_csv", "to_parquet"])
def test_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    path = tmp_path / writer.replace("to_", "f.")
    path.write_text("old")

    def fill(_: pd.DataFrame, file: Path, **__: object) -> None:
        file.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pd.DataFrame, writer, fill)
    with pytest.raises(SSSDError, match=f"{path.name} cannot be written: No space left on device"):
        write_forecast(make(), path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {path.name: "old"}


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().time_column = "time"  # type: ignore[misc]


def test_import_is_cheap() -> None:
    code = "import sys, sssd_registry.forecast; print({'torch', 'pandas', 'gluonts'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_levels_of_log_returns_are_the_last_value_times_their_exponential() -> None:
    plain = make()
    assert plain.levels() is plain
    last = np.full((B, C), 20.0)
    returns = make(samples=np.clip(plain.samples, -1, 1), last=last)
    levels = returns.levels()
    assert levels.last is None
    assert (levels.samples > 0).all()
    np.testing.assert_allclose(np.log(levels.samples / 20.0), returns.samples)
    assert list(levels.to_frame()) == list(returns.to_frame())
