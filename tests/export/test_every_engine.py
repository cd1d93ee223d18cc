"""Every command on the engines of every target, of a model whose network works."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_runner import error_line, sssd, sssd_export

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from sssd_engine import EngineError, load_engine
from sssd_engine.manifest import read_manifest
from sssd_engine.nvidia import why_no_gpu
from sssd_registry.plugin_api.registry import registry

HERE = {
    "onnx": (),
    "onnx, loop": ("--loop", "loop"),
    "onnx, step": ("--loop", "step"),
    "onnx, split": ("--split",),
    "onnx, int8": ("--precision", "int8"),
    "openvino": (),
    "openvino, loop": ("--loop", "loop"),
    "openvino, int8": ("--precision", "int8"),
}


@pytest.fixture
def data(tiny_csv: Path) -> Path:
    return tiny_csv


def build(model: Path, kind: str, out: Path, *options: str) -> dict[str, object]:
    """Build an engine, or skip where its target is not here; returns what the command says in JSON."""
    target = kind.partition(",")[0]
    name = target.partition(":")[0]
    if name not in registry().targets:
        pytest.skip(f"target {name} cannot build here")
    built = sssd_export(
        "build", model, "--out", out, "--target", target, "--steps", "2", "--samples", "8", *options, "--json"
    )
    assert built.code == 0, built.err
    made: dict[str, object] = json.loads(built.out)
    return made


def crps(command: tuple[object, ...]) -> float:
    outcome = sssd(*command, "--json")
    assert outcome.code == 0, outcome.err
    return float(json.loads(outcome.out)["scores"]["model"]["crps"])


@pytest.mark.parametrize("kind", HERE)
def test_inspect_evaluate_forecast_and_refit(working_model: Path, data: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "engine"
    build(working_model, kind, out, *HERE[kind])
    before = read_manifest(out)
    assert before["network_in_use"]
    assert before["parity"]["network_share"] > 0, "nothing of the network was seen"
    shown = sssd_export("inspect", out)
    assert f"{before['target']} engine" in shown.out
    assert "ms for one window" in shown.out
    few = ("--max-windows", "4")
    score = crps(("evaluate", out, data, *few))
    assert np.isfinite(score)
    made = sssd("forecast", out, data)
    assert made.code == 0, made.err
    again = sssd_export("refit", working_model, out)
    assert again.code == 0, again.err
    after = read_manifest(out)
    assert after["files"] == before["files"], "the weights are the same"
    assert after["source"]["order"] == before["source"]["order"]
    assert crps(("evaluate", out, data, *few)) == score


@pytest.mark.long
def test_machine_code_is_trusted_first_and_never_refitted(
    working_model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "engine"
    build(working_model, "torch-aot", out)
    assert "trust_native_code" in error_line(sssd("evaluate", out, data))
    with pytest.raises(EngineError, match="trust_native_code"):
        load_engine(out)
    monkeypatch.setenv("SSSD_TRUST_NATIVE_CODE", "1")
    assert "ms for one window" in sssd_export("inspect", out).out
    assert np.isfinite(crps(("evaluate", out, data, "--max-windows", "4")))
    assert "whose weights are compiled in: export" in error_line(sssd_export("refit", working_model, out))


@pytest.mark.parametrize("kind", ["onnx:provider=cuda", "tensorrt-rtx"])
@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU")
def test_what_only_a_gpu_runs_is_shown_and_said(working_model: Path, data: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "engine"
    build(working_model, kind, out)
    shown = sssd_export("inspect", out)
    assert shown.code == 0, shown.err
    assert "no GPU" in shown.out
    assert "no GPU" in error_line(sssd("evaluate", out, data))
    assert "no GPU" in error_line(sssd("forecast", out, data))


@pytest.mark.parametrize("kind", ["tensorrt", "tensorrt-rtx"])
@pytest.mark.skipif(bool(why_no_gpu()), reason=f"needs a GPU: {why_no_gpu()}")
@pytest.mark.gpu
def test_plans_of_a_gpu(working_model: Path, data: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "engine"
    build(working_model, kind, out)
    assert "ms for one window" in sssd_export("inspect", out).out
    assert np.isfinite(crps(("evaluate", out, data, "--max-windows", "4")))
    assert "whose weights are compiled in: export" in error_line(sssd_export("refit", working_model, out))
