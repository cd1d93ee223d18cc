"""Panels with a broken series: it is named and left out, in training and in forecasting, and all others are served."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.config import DataConfig
from sssd_registry.data.end_windows import end_windows
from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import to_panel
from sssd_registry.data.read_windows import read_scored_windows, read_windows
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.data.training_data import training_data
from sssd_registry.errors import DataWarning, LeftOutWarning, SSSDError

CONFIG = DataConfig(timeframes={"1d": 14}, horizons=(1, 7))


def series(name: str, rows: int = 200, seed: int = 0) -> pd.DataFrame:
    walk = np.random.default_rng(seed).normal(size=rows).cumsum() + 100
    return pd.DataFrame({"unique_id": name, "ds": pd.date_range("2024", periods=rows), "y": walk})


def with_entry(value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(y=frame["y"].where(frame.index != 150, value))

    return change


# What is done to a series, and what is said of it.
BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "infinite": (with_entry(np.inf), r"column 'y', series 'bad', row \d+ \(2024-05-30 .*\): the value is infinite"),
    "empty": (lambda frame: frame.assign(y=np.nan), r"series 'bad': column 'y' has no value"),
    "repeats": (
        lambda frame: frame.assign(ds=frame["ds"].where(frame.index != 150, frame["ds"][149])),
        r"column 'ds', series 'bad', row \d+: 2024-05-29 .* repeats row \d+",
    ),
    "descends": (
        lambda frame: frame.iloc[[*range(100), 120, *range(100, 120), *range(121, 200)]],
        r"series 'bad', row \d+: .* is earlier than row \d+: .*; sort the rows by time",
    ),
    "weeks": (
        lambda frame: frame.assign(ds=pd.date_range("2020", periods=200, freq="7D")),
        r"series 'bad': rows are 1w apart, and the model's are 1d",
    ),
}
SCORED_ONLY = {
    "constant": (lambda frame: frame.assign(y=5.0), r"series 'bad': column 'y': all 200 values are 5"),
    "short": (lambda frame: frame.iloc[:20], r"too few bars of 1d: series 'bad' 20"),
}


def panel(kind: str) -> pd.DataFrame:
    """Two good series, and a bad one between them."""
    change, _ = {**BROKEN, **SCORED_ONLY}[kind]
    return pd.concat([series("a"), change(series("bad", seed=1)), series("b", seed=2)], ignore_index=True)


def spec() -> DataSpec:
    return resolve(CONFIG, read_frame(pd.concat([series("a"), series("b", seed=2)], ignore_index=True)))


@pytest.mark.parametrize("kind", [*BROKEN, *SCORED_ONLY])
def test_training_serves_the_others_as_if_it_were_not_there(kind: str) -> None:
    what = {**BROKEN, **SCORED_ONLY}[kind][1]
    with pytest.warns(LeftOutWarning, match=what):
        made = training_data(panel(kind), CONFIG)
    wanted = training_data(pd.concat([series("a"), series("b", seed=2)], ignore_index=True), CONFIG)
    assert [one.id for one in made.source.panel.series] == ["a", "b"]
    for one, other in zip(made.source.panel.series, wanted.source.panel.series, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    assert list(made.source.panel.left_out) == ["bad"]
    assert made.spec.horizons == wanted.spec.horizons


@pytest.mark.parametrize("kind", BROKEN)
def test_forecasting_serves_the_others(kind: str) -> None:
    with pytest.warns(LeftOutWarning, match=BROKEN[kind][1]):
        windows, _ = end_windows(read_windows(panel(kind), spec()))
    assert windows.series.tolist() == ["a", "b"]


@pytest.mark.parametrize("kind", [*BROKEN, *SCORED_ONLY])
def test_scoring_serves_the_others(kind: str) -> None:
    with pytest.warns(LeftOutWarning, match={**BROKEN, **SCORED_ONLY}[kind][1]):
        source = read_scored_windows(panel(kind), spec(), 7)
    assert [one.id for one in source.panel.series] == ["a", "b"]


def test_a_price_below_zero_has_no_logarithm() -> None:
    frame = panel("empty").assign(y=lambda rows: rows["y"].fillna(1.0))
    frame.loc[(frame["unique_id"] == "bad") & (frame["ds"] == "2024-03-01"), "y"] = -1.0
    log = spec().model_copy(update={"target_kind": "log-return"})
    with pytest.warns(LeftOutWarning, match=r"series 'bad', row 261 \(2024-03-01 .*\): -1 has no logarithm"):
        assert [one.id for one in to_panel(read_frame(frame), log).series] == ["a", "b"]


@pytest.mark.parametrize("kind", ["infinite", "repeats", "descends"])
def test_where_nothing_else_is_there_it_is_an_error(kind: str) -> None:
    change, what = BROKEN[kind]
    alone = change(series("bad", seed=1))
    with pytest.raises(SSSDError, match=what) as error:
        training_data(alone, CONFIG)
    assert not isinstance(error.value, LeftOutWarning)
    with pytest.raises(SSSDError):
        training_data(alone.drop(columns="unique_id"), CONFIG)


def test_a_warning_can_be_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeftOutWarning)
        with pytest.raises(SSSDError, match="'bad'"):
            training_data(panel("constant"), CONFIG)
    assert issubclass(LeftOutWarning, DataWarning)


def test_strict_commands_refuse_it_in_one_line(tiny_frame: pd.DataFrame, overrides: list[str], tmp_path: Path) -> None:
    bars = tiny_frame[["time", "close"]].iloc[:300]
    parts = [bars.assign(id=name, close=bars["close"] + number) for number, name in enumerate("ab")]
    good, data = tmp_path / "good.csv", tmp_path / "data.csv"
    pd.concat(parts).to_csv(good, index=False)
    pd.concat([*parts, bars.iloc[:9].assign(id="bad")]).to_csv(data, index=False)
    model, set_id = tmp_path / "model", ["--set", "data.id=id"]
    assert sssd("train", good, "--out", model, *overrides, *set_id, "--strict").code == 0
    commands = [
        ("train", data, "--out", tmp_path / "other", *overrides, *set_id),
        ("forecast", model, data),
        ("evaluate", model, data, "--max-windows", 2, "--samples", 4),
        ("backtest", data, "--out", tmp_path / "backtest", "--folds", 1, "--samples", 4, *overrides, *set_id),
    ]
    for command in commands:
        refused = error_line(sssd(*command, "--strict"))
        assert "series 'bad' 9" in refused, command[0]
        assert "leave --strict away" in refused
    assert not (tmp_path / "other").exists()
    served = sssd("forecast", model, data)
    assert served.code == 0
    assert "warning: " in served.err
    assert "series 'bad' 9" in served.err
    out = tmp_path / "parts"
    assert sssd("forecast", model, tmp_path / "*.csv", "--out", out, "--workers", 1, "--strict").code == 2
    assert sorted(file.name for file in out.glob("*.csv")) == ["good.csv", "left_out.csv"]
    assert "data.csv" in (out / "left_out.csv").read_text()
