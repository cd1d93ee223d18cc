"""The commands, end to end: train, forecast, evaluate, export, plugins."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd, sssd_export

from sssd_engine.manifest import sha256
from sssd_registry.plugin_api.registry import registry

SCRIPTS = Path(sys.executable).parent
LEVELS = ["0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"]
SCORES = {
    "crps",
    "weighted_quantile_loss",
    "mse",
    "mae",
    "coverage_50",
    "coverage_90",
    "directional_accuracy",
    "crps_by_horizon",
    "energy_score",
    "energy_score_se",
    "variogram_score",
    "variogram_score_se",
    "crps_sum",
}
FUNCTIONALS = ["mean", "max", "min", "range", "last-first"]


def forecast(out: Path, *arguments: object) -> pd.DataFrame:
    """Run ``sssd forecast`` and read the file that it wrote."""
    outcome = sssd("forecast", *arguments, "--out", out)
    assert (outcome.code, outcome.out, outcome.words) == (0, "", "")
    if out.suffix == ".parquet":
        return pd.read_parquet(out)
    return pd.read_csv(out) if out.suffix == ".csv" else pd.read_json(out, dtype={"target": str})


@pytest.fixture(scope="module")
def small(tiny_model: Path, tiny_csv: Path) -> list[object]:
    """Arguments of a forecast that takes no time."""
    return [tiny_model, tiny_csv, "--steps", 3, "--samples", 8]


def test_train_writes_a_model_and_says_so(tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    out = tmp_path / "above" / "model"
    outcome = sssd("train", tiny_csv, "--out", out, *overrides, "--horizons", "2h,180", "--unit", "min")
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith("data: ")
    assert outcome.words == ""
    assert outcome.out.startswith(f"{out}: 12 steps\n")
    assert [entry.name for entry in out.parent.iterdir()] == ["model"]
    frame = forecast(tmp_path / "f.csv", out, tiny_csv, "--steps", 2, "--samples", 4)
    assert frame["horizon"].tolist() == [2, 3]


def test_train_reads_a_configuration_file(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    sections: dict[str, list[str]] = {}
    for setting in tiny_settings:
        section, _, rest = setting.partition(".")
        sections.setdefault(section, []).append(rest)
    text = "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in sections.items())
    (tmp_path / "c.toml").write_text(text)
    outcome = sssd(
        *("train", tiny_csv, "--out", tmp_path / "m", "--config", tmp_path / "c.toml"),
        *("--set", "training.max_steps=3"),
    )
    assert outcome.code == 0, outcome.err
    assert "m: 3 steps" in outcome.out


def test_train_replaces_a_model_only_when_told(tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    command = ["train", tiny_csv, "--out", tmp_path / "m", *overrides, "--set", "training.max_steps=1"]
    assert sssd(*command).code == 0
    before = (tmp_path / "m" / "model.safetensors").read_bytes()
    assert "already holds a model: choose another folder, or pass --overwrite" in error_line(sssd(*command))
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before
    assert sssd(*command, "--set", "training.seed=1", "--overwrite").code == 0
    assert (tmp_path / "m" / "model.safetensors").read_bytes() != before


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_forecast_writes_every_format(small: list[object], tmp_path: Path, suffix: str) -> None:
    frame = forecast(tmp_path / f"f{suffix}", *small)
    assert list(frame.columns) == ["origin", "horizon", "time", "target", "mean", *LEVELS]
    assert frame["horizon"].tolist() == [1, 4]
    assert set(frame["target"]) == {"close"}
    assert (frame[LEVELS].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    same = forecast(tmp_path / "again.csv", *small)
    np.testing.assert_allclose(frame[LEVELS], same[LEVELS], rtol=1e-12)
    assert pd.to_datetime(frame["time"]).tolist() == pd.to_datetime(same["time"]).tolist()


def test_forecast_starts_after_the_last_row(small: list[object], tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = forecast(tmp_path / "f.parquet", *small, "--horizons", "1")
    last = tiny_frame["time"].iloc[-1]
    assert frame["origin"].tolist() == [last]
    # The data end on a Friday night and have no weekends: the next bar is Monday's.
    assert last == pd.Timestamp("2024-02-02 23:00")
    assert frame["time"].tolist() == [pd.Timestamp("2024-02-05 00:00")]
    close = tiny_frame["close"].iloc[-1]
    assert abs(frame["0.5"].item() / close - 1) < 0.05


def test_forecast_prints_without_out(small: list[object]) -> None:
    outcome = sssd("forecast", *small)
    assert (outcome.code, outcome.words) == (0, "")
    header, title, *rows = outcome.out.splitlines()
    assert header.split()[:3] == ["horizon", "time", "mean"]
    assert title.startswith("close, after 2024-02-02 23:00 UTC")
    assert len(rows) == 2


def test_forecast_draws(small: list[object], tmp_path: Path) -> None:
    frame = forecast(tmp_path / "f.csv", *small, "--plot", tmp_path / "f.png")
    assert len(frame) == 2
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["f.csv", "f.png"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_forecast_writes_paths(small: list[object], tmp_path: Path, suffix: str) -> None:
    paths = forecast(tmp_path / f"paths{suffix}", *small, "--paths")
    assert list(paths.columns) == ["origin", "sample", "horizon", "time", "target", "value"]
    assert paths["sample"].tolist() == [sample for sample in range(8) for _ in (1, 4)]
    assert paths["horizon"].tolist() == 8 * [1, 4]
    # The same samples as those that the quantiles are of.
    quantiles = forecast(tmp_path / "f.csv", *small)
    np.testing.assert_allclose(paths.groupby("horizon")["value"].median(), quantiles["0.5"], rtol=1e-12)


def test_paths_are_drawn_through_the_fan(small: list[object], tmp_path: Path) -> None:
    pictures = {}
    for count in (0, 5):
        assert sssd("forecast", *small, "--plot", tmp_path / "f.png", "--plot-paths", count).code == 0
        pictures[count] = (tmp_path / "f.png").read_bytes()
    assert pictures[0] != pictures[5]


def test_paths_want_somewhere_to_go(small: list[object]) -> None:
    assert "name it, such as --out paths.parquet" in error_line(sssd("forecast", *small, "--paths"))
    assert "name it, such as --plot forecast.png" in error_line(sssd("forecast", *small, "--plot-paths", 20))


def test_seeds_are_reproducible(small: list[object], tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        forecast(tmp_path / f"{name}.csv", *small, "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_model_and_engine_give_the_same_forecast(
    tiny_model: Path, tiny_engine: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    common = [tiny_csv, "--samples", 64, "--seed", 3]
    eager = forecast(tmp_path / "model.csv", tiny_model, *common, "--steps", 6)
    engine = forecast(tmp_path / "engine.csv", tiny_engine, *common)
    spread = (eager["0.95"] - eager["0.05"]).to_numpy()[:, None]
    assert (spread > 0).all()
    numbers = ["mean", *LEVELS]
    assert (np.abs(eager[numbers] - engine[numbers]) <= 1e-4 * spread).all(axis=None)
    assert eager.drop(columns=numbers).equals(engine.drop(columns=numbers))


def test_engine_forecasts_some_of_its_horizons(tiny_engine: Path, tiny_csv: Path, tmp_path: Path) -> None:
    both = forecast(tmp_path / "f.csv", tiny_engine, tiny_csv, "--samples", 4)
    one = forecast(tmp_path / "g.csv", tiny_engine, tiny_csv, "--samples", 4, "--horizons", "4h")
    assert one["mean"].item() == both["mean"].iloc[1]
    refused = error_line(sssd("forecast", tiny_engine, tiny_csv, "--horizons", "2"))
    assert "built for horizons 1, 4 (bars), not for 2: export another with --horizons" in refused
    for option in (("--steps", 5), ("--scheduler", "ddim")):
        refused = error_line(sssd("forecast", tiny_engine, tiny_csv, *option))
        assert "its scheduler and steps are compiled in" in refused


def test_schedulers_and_their_options(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    common = [tiny_model, tiny_csv, "--samples", 8, "--steps", 5]
    made = {
        text: forecast(tmp_path / "f.csv", *common, "--scheduler", text)["mean"].tolist()
        for text in (
            "ddim",
            "ddpm",
            "dpmsolver++",
            "dpmsolver++:solver_order=3",
            "dpmsolver++:algorithm_type=sde-dpmsolver++,use_karras_sigmas=true",
        )
    }
    assert len({tuple(mean) for mean in made.values()}) == len(made)
    explicit = forecast(tmp_path / "f.csv", *common, "--scheduler", "dpmsolver++:solver_order=2")
    assert explicit["mean"].tolist() == made["dpmsolver++"]
    assert forecast(tmp_path / "f.csv", *common)["mean"].tolist() == made["dpmsolver++"]  # the model's own


@pytest.mark.parametrize(
    "arguments",
    [
        ["--horizons", "4,2"],
        ["--horizons", "2h, 4h"],
        ["--horizons", "120,240", "--unit", "min"],
        ["--horizons", "120min,4"],
    ],
)
def test_horizons_are_bars_durations_or_minutes(small: list[object], tmp_path: Path, arguments: list[str]) -> None:
    frame = forecast(tmp_path / "f.csv", *small, *arguments)
    assert frame["horizon"].tolist() == [2, 4]
    plain = forecast(tmp_path / "g.csv", *small, "--horizons", "2,4")
    assert frame["mean"].tolist() == plain["mean"].tolist()


def strict_json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def check_scores(tree: dict[str, Any], windows: int) -> None:
    assert tree["windows"] == windows
    assert tree["horizons"] == [1, 4]
    assert list(tree["scores"]) == ["model", "random walk", "seasonal naive"]
    for scores in tree["scores"].values():
        assert set(scores) >= SCORES
        assert set(scores["crps_by_horizon"]) == {"1", "4"}
        assert 0 < scores["crps"] < 1
        assert all(0 <= scores[name] <= 1 for name in ("coverage_50", "coverage_90", "directional_accuracy"))
        assert 0 < scores["energy_score"] < 1
        assert scores["target_scales"] == {"close": 1.0}
        assert list(scores["functionals"]) == FUNCTIONALS
        for found in scores["functionals"].values():
            assert set(found) == {"crps", "crps_se", "coverage_50", "coverage_90"}
            assert all(set(one) == {"close"} for one in found.values())


def test_evaluate_prints_every_score_beside_the_baselines(tiny_model: Path, tiny_engine: Path, tiny_csv: Path) -> None:
    common = [tiny_csv, "--json", "--max-windows", 12, "--samples", 16]
    eager = sssd("evaluate", tiny_model, *common, "--steps", 6)
    engine = sssd("evaluate", tiny_engine, *common)
    assert (eager.code, eager.words) == (engine.code, engine.words) == (0, "")
    trees = [strict_json(outcome.out) for outcome in (eager, engine)]
    for tree in trees:
        check_scores(tree, 12)
    model, compiled = (tree["scores"]["model"] for tree in trees)
    assert math.isclose(model["crps"], compiled["crps"], rel_tol=1e-3)
    assert trees[0]["scores"]["random walk"] == trees[1]["scores"]["random walk"]


def test_evaluate_prints_a_table(tiny_model: Path, tiny_csv: Path) -> None:
    few = ["--max-windows", 3, "--samples", 8, "--steps", 2]
    outcome = sssd("evaluate", tiny_model, tiny_csv, *few, "--metric", "wis", "--metric", "twcrps:above=1.0")
    assert (outcome.code, outcome.words) == (0, "")
    text = " ".join(outcome.out.split())
    for word in (
        "3 windows",
        "model",
        "random walk",
        "seasonal naive",
        "CRPS",
        "coverage",
        "MSE",
        "MAE",
        "energy",
        "range",
        "wis",
        "twcrps:above=1.0",
    ):
        assert word in text


def test_evaluate_draws_calibration(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    common = ["evaluate", tiny_model, tiny_csv, "--max-windows", 3, "--samples", 8, "--steps", 2]
    outcome = sssd(*common, "--plot", tmp_path / "calibration.png", "--json")
    assert (outcome.code, outcome.words) == (0, "")
    assert (tmp_path / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert set(strict_json(outcome.out)["calibration"]["coverage"]) == {"0.5", "0.8", "0.9"}
    assert "trained before" in outcome.err
    assert ".gif" in error_line(sssd(*common, "--plot", tmp_path / "calibration.gif"))


def test_evaluate_takes_a_start(tiny_model: Path, tiny_csv: Path, tiny_frame: pd.DataFrame) -> None:
    start = tiny_frame["time"].iloc[-20]
    outcome = sssd("evaluate", tiny_model, tiny_csv, "--json", "--start", start, "--samples", 4, "--steps", 2)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["windows"] == 16  # 20 rows, 4 of which have to lie ahead
    assert json.loads(outcome.out)["start"] == start.isoformat()
    for text in ("someday", "NaT"):
        refused = error_line(sssd("evaluate", tiny_model, tiny_csv, "--start", text))
        assert f"--start takes a time such as 2018-01-31, got {text!r}" in refused


def test_evaluate_takes_whole_bars_only(tiny_model: Path, tiny_csv: Path) -> None:
    refused = error_line(sssd("evaluate", tiny_model, tiny_csv, "--horizons", "1,2.5"))
    assert "whole bars" in refused
    assert "2.5" in refused


def test_export_prints_what_it_made(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "engine"
    outcome = sssd_export(
        *("build", tiny_model, "--out", out, "--scheduler", "ddim", "--steps", 2),
        *("--horizons", "2h,3", "--samples", 4, "--json"),
    )
    assert outcome.code == 0, outcome.err
    manifest = strict_json(outcome.out)
    assert manifest["horizons"] == [2, 3]
    assert manifest["scheduler"] == "ddim"
    assert manifest["parity"]["max_error"] <= manifest["parity"]["tolerance"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["engine"]
    assert forecast(tmp_path / "f.csv", out, tiny_csv)["horizon"].tolist() == [2, 3]


@pytest.mark.parametrize("how", [("--loop", "step"), ("--split", "--loop", "loop")])
def test_an_engine_can_be_inspected_and_forecast_from(
    tiny_model: Path, tiny_csv: Path, tiny_engine: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    out = tmp_path / "engine"
    outcome = sssd_export("build", tiny_model, "--out", out, "--steps", 6, "--samples", 16, *how)
    assert outcome.code == 0, outcome.err
    seen = sssd_export("inspect", out, "--json")
    found = strict_json(seen.out)
    assert found["speed"]["milliseconds"] > 0
    assert found["source"]["command"].startswith("--steps 6 --samples 16 --unit bars")
    assert found["source"]["files"]["model.safetensors"] == sha256(tiny_model / "model.safetensors")
    assert len(found["parts"]) > 1
    text = sssd_export("inspect", out).out
    for part in found["parts"]:
        assert part["graph"] in text
        assert part["weights"] > 0
        assert sum(part["layers"].values()) > 0
    whole, parts = (forecast(tmp_path / f"{name}.csv", folder, tiny_csv) for name, folder in
                    (("whole", tiny_engine), ("parts", out)))  # fmt: skip
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-4)


def test_inspecting_something_else_is_the_users_error(tiny_model: Path) -> None:
    assert "is not an engine folder" in error_line(sssd_export("inspect", tiny_model))


def test_targets_are_listed_with_what_they_can_do_here() -> None:
    outcome = sssd_export("targets")
    assert (outcome.code, outcome.words) == (0, "")
    for entry in registry().entries:
        if entry.kind == "target":
            row = next(line for line in outcome.out.splitlines() if line.split()[:1] == [entry.name])
            assert " ".join(entry.spec.precisions) in row
    assert "onnx      " in outcome.out


def test_a_precision_that_a_target_has_not_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    refused = error_line(sssd_export("build", tiny_model, "--out", tmp_path / "e", "--precision", "bf16"))
    assert "target 'onnx' builds fp32, int8, not 'bf16'" in refused


def test_plugins_lists_everything() -> None:
    table, listed = sssd("plugins"), sssd("plugins", "--json")
    assert (table.code, table.err) == (listed.code, listed.err) == (0, "")
    rows = strict_json(listed.out)
    assert len(rows) == len(registry().entries)
    for row in rows:
        assert set(row) == {"kind", "name", "distribution", "version", "status", "summary", "options"}
        assert row["name"] in table.out
    assert {row["kind"] for row in rows} == {"scheduler", "sampler", "head", "target", "tracker", "metric"}


def test_plugins_tells_why() -> None:
    assert sssd("plugins", "--why", "heun-churn").out.endswith(
        "ok: it is listed, and can be made with its default options\n"
    )
    # Listed for the reason alone: diffusers' own, which cannot sample a forecast.
    assert "runs from data to noise" in sssd("plugins", "--why", "DDIMInverseScheduler").out
    assert "did you mean 'heun-churn'" in error_line(sssd("plugins", "--why", "heun-churm"))


def test_a_sampler_is_used_by_its_name(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    """As a scheduler is: to forecast with, to compare and to export."""
    by_name = ("--scheduler", "heun-churn:s_churn=5", "--steps", 6)
    assert sssd("forecast", tiny_model, tiny_csv, *by_name, "--out", tmp_path / "f.csv").code == 0
    some = ("--schedulers", "heun-churn", "--steps", "10", "--max-windows", 4, "--samples", 8)
    (row,) = strict_json(sssd("compare", tiny_model, tiny_csv, *some, "--json").out)["rows"]
    assert (row["scheduler"], row["calls"]) == ("heun-churn", 19)
    built = sssd_export("build", tiny_model, *by_name, "--out", tmp_path / "engine", "--json")
    assert strict_json(built.out)["parity"]["max_error"] <= 1e-4


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = SCRIPTS / name
    if not script.exists():
        pytest.skip(f"{name} is not installed beside this Python: pip install -e .")
    return subprocess.run([script, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["sssd", "sssd-export"])
def test_console_scripts(name: str, tmp_path: Path) -> None:
    done = run_script(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout
    arguments = ["forecast", "no-model", "x.csv"] if name == "sssd" else ["build", "no-model", "--out", tmp_path / "e"]
    done = run_script(name, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no-model is ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_interrupts_end_with_130(
    small: list[object], tiny_csv: Path, overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sssd_registry import model_or_engine
    from sssd_registry.training import train as loop

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model_or_engine, "open_forecaster", interrupt)
    outcome = sssd("forecast", *small)
    assert (outcome.code, outcome.out) == (130, "")
    monkeypatch.setattr(loop, "take_step", lambda *_: signal.raise_signal(signal.SIGINT) or 0.0)
    outcome = sssd("train", tiny_csv, "--out", tmp_path / "m", *overrides)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.words == "interrupted; the same command with --resume goes on from here\n"
    monkeypatch.undo()
    outcome = sssd("train", tiny_csv, "--out", tmp_path / "m", *overrides, "--resume")
    assert outcome.code == 0, outcome.err


def test_an_interrupted_run_is_not_started_over_by_mistake(tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "model.checkpoint").mkdir()
    (tmp_path / "model.checkpoint" / "progress.json").write_text('{"fingerprint": "of that run", "step": 100}')
    ended = sssd("train", tiny_csv, "--out", tmp_path / "model")
    assert ended.code == 2
    assert "--resume" in error_line(ended)
