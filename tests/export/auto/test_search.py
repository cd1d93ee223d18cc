"""The search for the fastest good engine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import error_line, sssd_export

import sssd_export.auto.search as auto
from sssd_engine.engine import load_engine
from sssd_engine.manifest import read_manifest
from sssd_export.auto.plot_search import fastest_and_best, plot_search
from sssd_export.auto.search import Trial, auto_export, shortlist, targets_here
from sssd_export.request import ExportOptions
from sssd_registry.comparison.compare import Setting
from sssd_registry.comparison.table import Row
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.evaluate import evaluate
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.pipeline import SSSDPipeline


def row(scheduler: str, calls: int, crps: float) -> Row:
    return Row(scheduler, calls, calls, crps, 0.0, 0.0, 0.0, True, 0.5, 0.9, 1.0, 1.0, 0.0, 1.0, 0.0)


def test_the_shortlist_has_the_best_of_each_low_cost() -> None:
    rows = [row("a", 4, 1.02), row("b", 4, 1.005), row("c", 4, 1.008), row("d", 6, 1.0), row("e", 8, 0.99),
            row("f", 2, 1.4), row("g", 20, 0.98)]  # fmt: skip
    assert [one.scheduler for one in shortlist(rows, 1.01)] == ["b", "d", "e"]
    assert shortlist(rows, 0.9) == []


@pytest.fixture(scope="module")
def model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In a folder of its own: the search keeps its state beside the model."""
    return Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("auto") / "model"))


@pytest.fixture(scope="module")
def found(model: Path, tiny_csv: Path) -> tuple[Path, dict[str, Any]]:
    out = model.parent / "engine"
    setting = Setting(max_windows=12, samples=30, tolerance=0.05)
    order = ExportOptions(target="onnx", scheduler="unipc", samples=30)
    state = model.parent / "state.json"
    manifest = auto_export(model, tiny_csv, order, out, setting, state, lambda *_: None)
    return out, manifest


def test_the_fastest_good_engine_is_written_with_its_search(found: tuple[Path, dict[str, Any]]) -> None:
    out, manifest = found
    assert read_manifest(out) == manifest
    search = manifest["search"]
    good = [one for one in search["engines"] if one["within"]]
    assert search["choice"] == min(good, key=lambda one: one["milliseconds"])["label"]
    chosen = next(one for one in good if one["label"] == search["choice"])
    assert (manifest["target"], manifest["precision"]) == (chosen["target"], chosen["precision"])
    assert manifest["num_inference_steps"] == chosen["steps"]
    kinds = {(one["precision"], one["loop"]) for one in search["engines"]}
    assert kinds == {("fp32", "unrolled"), ("fp32", "loop"), ("int8", "unrolled")}
    assert all(one["within"] == (one["loss"] <= 0.05) for one in search["engines"])
    assert search["reference"]["scheduler"] == "ddim"
    record = SSSDPipeline.from_pretrained(out.parent / "model").record
    assert record is not None
    assert search["network_in_use"] is record.network_in_use
    assert (out / "search.png").read_bytes()[:4] == b"\x89PNG"
    assert "search.png" in manifest["files"]
    load_engine(out)


def test_an_engines_score_is_its_solvers(found: tuple[Path, dict[str, Any]]) -> None:
    """The same windows and noise, by way of data units: float32 engines lose nothing."""
    search = found[1]["search"]
    eager = {(one["scheduler"], one["steps"]): (one["crps"], one["energy"]) for one in search["solvers"]}
    for one in search["engines"]:
        if one["precision"] == "fp32":
            assert (one["crps"], one["energy"]) == pytest.approx(eager[one["scheduler"], one["steps"]], rel=1e-4)
    assert search["reference"]["energy"] > 0


def test_the_engine_can_be_evaluated(found: tuple[Path, dict[str, Any]], tiny_csv: Path) -> None:
    scored = evaluate(open_forecaster(found[0]), tiny_csv, max_windows=5, num_samples=20)
    assert np.isfinite(scored.scores["model"].crps)


def test_the_engine_can_be_inspected_and_refitted(found: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    out, manifest = Path(shutil.copytree(found[0], tmp_path / "engine")), found[1]
    assert "ms for one window" in sssd_export("inspect", out).out
    outcome = sssd_export("refit", found[0].parent / "model", out)
    assert outcome.code == 0, outcome.err
    after = read_manifest(out)
    for name in ("precision", "scheduler", "num_inference_steps", "num_samples"):
        assert after[name] == manifest[name]
    assert {part["graph"]: after["files"][part["graph"]] for part in after["parts"]} == {
        part["graph"]: manifest["files"][part["graph"]] for part in manifest["parts"]
    }


def test_what_is_too_strict_is_said_and_writes_nothing(
    model: Path, tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ExportOptions(target="onnx", scheduler="unipc", samples=30)
    setting = Setting(max_windows=12, samples=30, tolerance=0.05)
    arguments = (model, tiny_csv, order, tmp_path / "engine", setting, model.parent / "state.json", lambda *_: None)
    monkeypatch.setattr(auto, "shortlist", lambda *_: [])
    with pytest.raises(SSSDError, match=r"no solver is within 5\.0% of ddim-100's CRPS"):
        auto_export(*arguments)
    monkeypatch.undo()
    monkeypatch.setattr(auto, "_trials", lambda *_: [Trial("unipc", 4, 4, "onnx", "fp32", "loop", 2.0, loss=0.5)])
    with pytest.raises(SSSDError, match=r"no engine is within 5\.0%: unipc-4, onnx fp32 loop: loses 50\.0%"):
        auto_export(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_targets_that_cannot_run_here_are_left_out() -> None:
    names = {name for name, _ in targets_here(None)}
    assert "onnx" in names
    from sssd_engine.nvidia import why_no_gpu

    if why_no_gpu():
        assert not names & {"tensorrt", "tensorrt-rtx"}
        pytest.importorskip("tensorrt_rtx")
        with pytest.raises(SSSDError, match="'tensorrt-rtx' cannot be tried here: no GPU"):
            list(targets_here("tensorrt-rtx"))


def test_wrong_words(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    words = ("auto", tiny_model, tiny_csv, "--out", tmp_path / "engine", "--max-crps-loss", "a little")
    assert "--max-crps-loss takes a share" in error_line(sssd_export(*words))
    assert list(tmp_path.iterdir()) == []


def test_the_front_is_what_none_is_faster_and_better_than(tmp_path: Path) -> None:
    base = Trial("a", 4, 4, "onnx", "fp32", "unrolled")
    trials = [replace(base, scheduler=name, milliseconds=ms, loss=loss) for name, ms, loss in
              (("slow", 5.0, 0.0), ("fast", 1.0, 0.02), ("bad", 6.0, 0.01), ("middle", 2.0, 0.01))]  # fmt: skip
    engines = [{**vars(trial), "label": trial.label} for trial in trials]
    assert [one["scheduler"] for one in fastest_and_best(engines)] == ["fast", "middle", "slow"]
    search = {"engines": engines, "reference": {"scheduler": "ddim", "steps": 100}, "tolerance": 0.01,
              "part": "validation", "windows": 5, "samples": 10, "threads": 2, "choice": "fast"}  # fmt: skip
    plot_search(search, tmp_path / "one.png")
    plot_search({**search, "engines": engines[:1]}, tmp_path / "two.png")
    assert (tmp_path / "one.png").stat().st_size > (tmp_path / "two.png").stat().st_size > 1000
