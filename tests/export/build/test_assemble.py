"""From a model folder to an engine folder: complete, the same every time, and never wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from cli_runner import error_line, sssd_export
from compiled import Compiled

from sssd_engine.engine import load_engine
from sssd_export.build import assemble as builder
from sssd_export.build.parity import TOLERANCES
from sssd_export.forecaster import engine_inputs
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError, UnknownNameError


@pytest.fixture
def traced(tiny: Compiled, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Exports of the tiny model take its pieces from the fixture instead of tracing again."""
    monkeypatch.setattr(builder, "trace", lambda *_: tiny.pieces)
    return tiny


def tree(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_exporting_again_gives_the_same_bytes(tiny_model: Path, tiny_engine: Path, tmp_path: Path) -> None:
    """In another process, with other hash seeds; and nothing is printed but the one line."""
    out = tmp_path / "engine"
    done = subprocess.run(
        [sys.executable, "-c", "from sssd_export.cli import main; main()", "build", str(tiny_model), "--out", str(out),
         "--steps", "6", "--samples", "16"],
        env={**os.environ, "PYTHONHASHSEED": "12345"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("exporting: ") for line in done.stderr.splitlines())  # on a slow machine
    assert done.stdout.count("\n") == 1
    assert tree(out) == tree(tiny_engine)


def test_export_and_loading_print_nothing(
    traced: Compiled, tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export_model(tiny_model, tmp_path / "engine", scheduler="ddpm", steps=3)
    engine = load_engine(tmp_path / "engine")
    engine(engine_inputs(traced.windows))
    assert capfd.readouterr() == ("", "")


def test_the_manifest_tells_what_was_built(tiny_engine: Path) -> None:
    manifest = json.loads((tiny_engine / "manifest.json").read_text())
    assert manifest["target"] == "onnx"
    assert manifest["scheduler"] == "DPMSolverMultistepScheduler"
    assert manifest["num_inference_steps"] == manifest["num_calls"] == 6
    assert manifest["num_samples"] == 16
    assert manifest["horizons"] == [1, 4]
    assert 0 < manifest["parity"]["max_error"] <= manifest["parity"]["tolerance"] == 1e-4
    assert manifest["parity"]["windows"] >= 2
    assert {"torch", "diffusers", "onnx", "numpy", "sssd-registry"} <= set(manifest["versions"])
    assert list(manifest["files"]) == ["correlation.bin", "model.onnx"]
    assert all("close" in output["meaning"] for output in manifest["outputs"])


@pytest.mark.parametrize("kind", ["weight", "tolerance"])
def test_an_engine_that_misses_parity_is_not_written(
    traced: Compiled, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "tolerance":
        monkeypatch.setitem(TOLERANCES, "fp32", 0.0)
    else:
        build = builder.build_graph
        monkeypatch.setattr(builder, "build_graph", lambda *parts: perturbed(build(*parts)))
    with pytest.raises(SSSDError, match="it was not written"):
        export_model(tiny_model, tmp_path / "engine", steps=4)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_earlier_engine(
    traced: Compiled, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "engine"
    export_model(tiny_model, out, steps=3)
    before = tree(out)
    export_model(tiny_model, out, steps=4)
    assert load_engine(out).manifest["num_calls"] == 4
    assert tree(out) != before
    before = tree(out)
    monkeypatch.setitem(TOLERANCES, "fp32", 0.0)
    with pytest.raises(SSSDError, match="it was not written"):
        export_model(tiny_model, out, steps=3)
    assert tree(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_of_something_else_is_refused_before_any_work(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "trace", never)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SSSDError, match=r"holds other files and no manifest\.json"):
        export_model(tiny_model, tmp_path)
    with pytest.raises(SSSDError, match="is a file"):
        export_model(tiny_model, tmp_path / "thesis.tex")
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "onxx"}, "no target named 'onxx': did you mean 'onnx'"),
        ({"scheduler": "dimd"}, "no scheduler named 'dimd'"),
    ],
)
def test_a_wrong_name_costs_no_loading(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        export_model(tmp_path / "there is no model", tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizons": "1.5"}, "whole bars, got 1.5"),
        ({"horizons": "1,24"}, "horizon 24"),
        ({"steps": 2000}, "steps"),
        ({"scheduler": "dpmsolver++:solver_order=7"}, "solver_order"),
    ],
)
def test_what_cannot_be_built_is_refused_before_tracing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(builder, "trace", never)
    with pytest.raises(SSSDError, match=message):
        export_model(tiny_model, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def never(*_: object) -> None:
    raise AssertionError("this should have been refused before")


def perturbed(model: ir.Model) -> ir.Model:
    """The graph with its largest weight off by a hundredth."""
    value = max(
        (value for name, value in model.graph.initializers.items() if name.startswith("head.")),
        key=lambda value: value.const_value.size,
    )
    array = value.const_value.numpy().copy()
    array += 0.01
    value.const_value = ir.tensor(np.asarray(array), name=value.name)
    return model


def test_a_targets_options_are_checked(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="target 'onnx' has no option 'precision'"):
        export_model(tiny_model, tmp_path / "engine", "onnx:precision=fp16")


def test_a_build_tells_how_far_it_is(traced: Compiled, tiny_model: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    export_model(tiny_model, tmp_path / "engine", steps=2, split=True, report=lambda *step: told.append(step))
    assert [done for done, _, _ in told] == [0, 1, 2, 3]
    assert {total for _, total, _ in told} == {4}
    assert [now for _, _, now in told] == [
        "tracing", "compiling the encoder", "compiling the denoiser", "checking it against the live scheduler",
    ]  # fmt: skip


def test_a_timing_cache_is_the_targets_to_take(tiny_model: Path, tmp_path: Path) -> None:
    asked = sssd_export("build", tiny_model, "--out", tmp_path / "engine", "--timing-cache", tmp_path / "cache")
    assert "timing_cache" in error_line(asked)
