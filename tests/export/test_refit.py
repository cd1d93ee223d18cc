"""Other weights in an engine, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_runner import error_line, sssd_export
from compiled import Compiled

from sssd_export.engine import load_engine
from sssd_export.forecaster import engine_inputs
from sssd_export.manifest import read_manifest
from sssd_export.parity import largest_error
from sssd_export.refit import refit
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.testing.tiny_model import train_tiny_model


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's architecture with other weights, of the same data."""
    folder = tmp_path_factory.mktemp("other") / "model"
    train_tiny_model(folder, "training.seed=5")
    return folder


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_the_engine_forecasts_what_the_other_model_does(
    tiny_model: Path, tiny: Compiled, other: Path, tmp_path: Path, target: str
) -> None:
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[target])
    out = tmp_path / "engine"
    export_model(tiny_model, out, target, steps=4, samples=16)
    before = read_manifest(out)
    outcome = sssd_export(other, "--refit", out)
    assert outcome.code == 0, outcome.err
    after = read_manifest(out)
    assert after["files"] != before["files"]
    assert [part["structure"] for part in after["parts"]] == [part["structure"] for part in before["parts"]]
    seen = load_engine(out)(engine_inputs(tiny.windows), 20, 3).samples
    pipeline = SSSDPipeline.from_pretrained(other)
    expected = pipeline(tiny.windows, num_inference_steps=4, num_samples=20, generator=3).samples
    assert largest_error(seen, expected) < 1e-3
    first = SSSDPipeline.from_pretrained(tiny_model)
    assert not np.allclose(first(tiny.windows, num_inference_steps=4, num_samples=20, generator=3).samples, expected)


def test_another_architecture_is_refused_and_the_engine_kept(
    tiny_model: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wider = tmp_path_factory.mktemp("wider") / "model"
    train_tiny_model(wider, "model.feature_size=12")
    out = tmp_path / "engine"
    export_model(tiny_model, out, steps=2, samples=16)
    before = read_manifest(out)
    with pytest.raises(SSSDError, match=r"does not fit .*: model would change"):
        refit(out, wider)
    assert read_manifest(out) == before


def test_what_cannot_be_refitted_says_so(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="is not an engine folder"):
        refit(tmp_path, tiny_model)
    refused = error_line(sssd_export(tiny_model, "--refit", tmp_path, "--steps", "4"))
    assert "--refit keeps everything of its engine but the weights" in refused
    assert "name the engine folder" in error_line(sssd_export(tiny_model))
    pytest.importorskip("tensorrt_rtx")
    export_model(tiny_model, tmp_path / "plan", "tensorrt-rtx", steps=2, samples=16)
    with pytest.raises(SSSDError, match="whose weights are compiled in"):
        refit(tmp_path / "plan", tiny_model)
