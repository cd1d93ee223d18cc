"""Backtests: folds that see nothing of their future, are found again, and are scored beside naive forecasts."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry import backtest
from sssd_registry.backtesting.folds import plan_folds
from sssd_registry.config import Config, load_config
from sssd_registry.errors import DataWarning, SSSDError
from sssd_registry.evaluation.scores import crps
from sssd_registry.training import train as loop

OPTIONS = {"folds": 3, "windows": 2, "num_samples": 8, "format": "csv"}


@pytest.fixture(scope="module")
def config(tiny_settings: list[str]) -> Config:
    return load_config(None, [*tiny_settings, "training.max_steps=6"])


@pytest.fixture(scope="module")
def panel(tiny_frame: pd.DataFrame) -> pd.DataFrame:
    """Two series, with ids that look like numbers."""
    bars = tiny_frame[["time", "close"]].iloc[:400]
    return pd.concat([bars.assign(id="01"), bars.assign(id="02", close=3 - bars["close"])], ignore_index=True)


@pytest.fixture(scope="module")
def panel_config(tiny_settings: list[str]) -> Config:
    return load_config(None, [*tiny_settings, "training.max_steps=6", "data.id=id"])


@pytest.fixture(scope="module")
def done(panel: pd.DataFrame, panel_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished backtest with a training for each fold."""
    out = tmp_path_factory.mktemp("backtest") / "out"
    backtest(panel, panel_config, refit=True, out=out, **OPTIONS)
    return out


def table(out: Path, kind: str, fold: int) -> pd.DataFrame:
    return pd.read_csv(out / kind / f"fold-{fold}.csv", dtype={"series": str})


@pytest.mark.parametrize(("windows", "apart"), [(1, 4), (2, 2), (4, 1)])
def test_the_last_forecast_ends_with_the_data(windows: int, apart: int) -> None:
    starts = np.arange(100) * 3600
    folds = plan_folds(starts, 4, 5, 4, windows, "data")
    assert [fold.number for fold in folds] == [1, 2, 3, 4, 5]
    assert folds[-1].origins[-1] == starts[-1 - 4]
    assert np.diff([fold.cutoff for fold in folds]).tolist() == [4 * 3600] * 4
    assert all(np.diff(fold.origins).tolist() == [apart * 3600] * (windows - 1) for fold in folds)


def test_too_few_bars_or_too_many_windows_are_refused() -> None:
    starts = np.arange(20) * 3600
    with pytest.raises(SSSDError, match=r"data: 20 bars are too few for 5 folds, 4 bars apart, and 4 bars ahead"):
        plan_folds(starts, 4, 5, 4, 1, "data")
    with pytest.raises(SSSDError, match="5 windows do not fit into a step of 4 bars"):
        plan_folds(starts, 4, 2, 4, 5, "data")


@pytest.mark.filterwarnings("ignore::sssd_registry.errors.DataWarning")  # of values absurdly far off
def test_the_future_of_a_fold_changes_nothing_in_its_forecast(
    done: Path, panel: pd.DataFrame, panel_config: Config, tmp_path: Path
) -> None:
    """Neither what it is trained on, nor its windows, nor its peers: only what came to be."""
    rows = table(done, "windows", 2)
    later = pd.to_datetime(panel["time"]) > pd.to_datetime(rows["origin"]).min()
    other = panel.assign(close=np.where(later, 5 - 2 * panel["close"] + np.sin(panel.index), panel["close"]))
    backtest(other, panel_config, refit=True, out=tmp_path / "other", **OPTIONS)
    first = rows["origin"] == rows["origin"].min()
    changed = table(tmp_path / "other", "windows", 2)
    same = ["series", "origin", "horizon", "target", "last", "mean", "0.05", "0.5", "0.95"]
    pd.testing.assert_frame_equal(changed[first][same], rows[first][same], check_exact=True)
    assert (changed["actual"] != rows["actual"]).all()
    # The second origin of the fold sees what came after the first: its forecast is another, by the same model.
    assert (changed["mean"] != rows["mean"])[~first].all()
    pd.testing.assert_frame_equal(table(tmp_path / "other", "paths", 1), table(done, "paths", 1), check_exact=True)


def test_a_series_is_forecast_alike_whichever_others_there_are(
    done: Path, panel: pd.DataFrame, panel_config: Config, tmp_path: Path
) -> None:
    """With one model for all folds its training differs, so that only the peers can be compared to the bit."""
    alone = panel[panel["id"] == "02"]
    backtest(alone, panel_config, out=tmp_path / "alone", **OPTIONS)
    seen, wanted = table(tmp_path / "alone", "paths", 1), table(done, "paths", 1)
    peers = wanted[(wanted["series"] == "02") & (wanted["forecaster"] == "seasonal naive")]
    pd.testing.assert_frame_equal(
        seen[seen["forecaster"] == "seasonal naive"].reset_index(drop=True), peers.reset_index(drop=True)
    )


def test_tables_have_what_scores_are_made_of(done: Path, panel: pd.DataFrame, panel_config: Config) -> None:
    result = backtest(panel, panel_config, refit=True, out=done, **OPTIONS)
    windows = result.windows
    assert len(windows) == 3 * 3 * 2 * 2 * 2  # folds, forecasters, origins, series, horizons
    assert windows["forecaster"].unique().tolist() == ["model", "random walk", "seasonal naive"]
    truth = panel.set_index(["id", "time"])["close"]
    for row in windows.sample(20, random_state=0).itertuples():
        assert row.actual == truth[row.series, pd.Timestamp(row.time).tz_localize(None)]
        assert row.last == truth[row.series, pd.Timestamp(row.origin).tz_localize(None)]
    paths = pd.concat([table(done, "paths", fold) for fold in (1, 2, 3)])
    for name in ("model", "random walk", "seasonal naive"):
        samples = paths.loc[paths["forecaster"] == name, "value"].to_numpy().reshape(-1, 8, 2, 1)
        y = windows.loc[windows["forecaster"] == name, "actual"].to_numpy().reshape(-1, 2, 1)
        assert result.evaluation.scores[name].crps == pytest.approx(crps(samples, y).mean(), rel=1e-12)
        by_fold = [one.crps[name] for one in result.folds]
        assert np.mean(by_fold) == pytest.approx(result.evaluation.scores[name].crps, rel=1e-12)
    assert set(result.evaluation.paths) == {"model", "random walk", "seasonal naive"}
    assert [one.windows for one in result.folds] == [4, 4, 4]


def test_finished_folds_are_kept_and_missing_ones_made_again(
    done: Path, panel: pd.DataFrame, panel_config: Config
) -> None:
    before = {file: file.stat().st_mtime_ns for file in done.rglob("fold-*.csv")}
    lost = table(done, "windows", 2)
    (done / "windows" / "fold-2.csv").unlink()
    told: list[int] = []
    backtest(
        panel, panel_config, refit=True, out=done, report=lambda fold, outcome: told.append(fold.number), **OPTIONS
    )
    assert told == [2]
    pd.testing.assert_frame_equal(table(done, "windows", 2), lost)
    changed = {file.name for file in before if file.stat().st_mtime_ns != before[file]}
    assert changed == {"fold-2.csv"}


def test_ctrl_c_keeps_what_is_finished_and_a_training_goes_on(
    done: Path, panel: pd.DataFrame, panel_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, take_step, told = [], loop.take_step, []

    def interrupted(*given: Any) -> float:
        steps.append(1)
        if len(steps) == 10:  # in the second fold's training, after its checkpoint
            signal.raise_signal(signal.SIGINT)
        return take_step(*given)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            backtest(panel, panel_config, refit=True, out=out, **OPTIONS)
    assert [file.name for file in (out / "windows").glob("fold-*")] == ["fold-1.csv"]
    assert (out / "models" / "fold-2.checkpoint").is_dir()
    monkeypatch.setattr(loop, "take_step", lambda *given: steps.append(1) or take_step(*given))
    backtest(panel, panel_config, refit=True, out=out, report=lambda fold, _: told.append(fold.number), **OPTIONS)
    assert told == [2, 3]
    assert len(steps) == 3 * 6
    for fold in (1, 2, 3):  # to the bits of an unbroken run
        assert (out / "paths" / f"fold-{fold}.csv").read_text() == (done / "paths" / f"fold-{fold}.csv").read_text()


def test_other_settings_are_refused_in_one_line(done: Path, panel: pd.DataFrame, panel_config: Config) -> None:
    for given, what in (
        ({**OPTIONS, "num_samples": 9}, r"folds of other settings: samples \(8 there, 9 now\) changed"),
        ({**OPTIONS, "folds": 2}, r"folds \(3 there, 2 now\)"),
    ):
        with pytest.raises(SSSDError, match=what):
            backtest(panel, panel_config, refit=True, out=done, **given)
    with pytest.raises(SSSDError, match="the data changed; name another folder with --out"):
        backtest(panel.assign(close=panel["close"] + 1), panel_config, refit=True, out=done, **OPTIONS)
    with pytest.raises(SSSDError, match=r"refit \(True there, False now\)"):
        backtest(panel, panel_config, out=done, **OPTIONS)


@pytest.mark.long
def test_folds_by_several_processes_are_the_same(
    done: Path, panel: pd.DataFrame, panel_config: Config, tmp_path: Path
) -> None:
    backtest(panel, panel_config, refit=True, jobs=2, out=tmp_path / "out", **OPTIONS)
    for kind in ("windows", "paths"):
        for fold in (1, 2, 3):
            seen, wanted = table(tmp_path / "out", kind, fold), table(done, kind, fold)
            pd.testing.assert_frame_equal(seen, wanted, rtol=1e-6)


def test_a_constant_series_is_named_and_the_others_are_scored(
    panel: pd.DataFrame, panel_config: Config, tmp_path: Path
) -> None:
    flat = pd.concat([panel, panel[panel["id"] == "01"].assign(id="flat", close=2.0)], ignore_index=True)
    with pytest.warns(DataWarning, match=r"left out: series 'flat': column 'close': all \d+ values are 2"):
        result = backtest(flat, panel_config, out=tmp_path / "out", **OPTIONS)
    rows = result.windows[result.windows["forecaster"] == "model"]
    assert rows.loc[rows["series"] == "flat", "actual"].isna().all()
    assert result.evaluation.windows == len(rows[rows["series"] != "flat"]) // 2
    assert rows.loc[rows["series"] != "flat", "actual"].notna().all()


def test_the_command_prints_tables_draws_and_tells_folds(tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    out, plot = tmp_path / "out", tmp_path / "plot.png"
    options = ["--folds", 2, "--samples", 8, "--out", out, *overrides, "--set", "training.max_steps=6"]
    first = sssd("backtest", tiny_csv, *options, "--json")
    assert first.code == 0, first.err
    made = json.loads(first.out)
    assert len(made["folds"]) == 2
    assert set(made["scores"]) == {"model", "random walk", "seasonal naive"}
    assert made["scores"]["model"]["energy_score"] > 0
    assert "fold 1 of 2, past until " in first.err
    again = sssd("backtest", tiny_csv, *options, "--plot", plot)
    assert again.code == 0, again.err
    assert "fold 1 of 2" not in again.err
    assert "CRPS by fold" in again.out
    assert plot.stat().st_size > 10_000
    assert pd.read_parquet(out / "windows")["fold"].unique().tolist() == [1, 2]
    assert "--out" in error_line(sssd("backtest", tiny_csv, *options, "--seed", 1))
    assert "parquet or csv" in error_line(sssd("backtest", tiny_csv, "--out", tmp_path / "x", "--format", "xls"))
    assert "holds something else" in error_line(sssd("backtest", tiny_csv, *options[:4], "--out", tiny_csv.parent))
