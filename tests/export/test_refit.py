"""Other weights in an engine, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from cli_runner import error_line, sssd_export
from compiled import Compiled

from sssd_engine.engine import load_engine
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_engine.nvidia import why_no_gpu
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.refit import refit
from sssd_export.request import export_model
from sssd_export.targets.tensorrt_build import refit_plan
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.registry import registry
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
    outcome = sssd_export("refit", other, out)
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
    pytest.importorskip("tensorrt_rtx")
    export_model(tiny_model, tmp_path / "plan", "tensorrt-rtx", steps=2, samples=16)
    with pytest.raises(SSSDError, match="whose weights are compiled in"):
        refit(tmp_path / "plan", tiny_model)


def test_a_plan_compiled_with_its_weights_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    out = tmp_path / "engine"
    export_model(tiny_model, out, "tensorrt-rtx", steps=2, samples=16)
    with pytest.raises(SSSDError, match=r"whose weights are compiled in: export .* anew"):
        refit(out, tiny_model)


@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU")
def test_replaceable_weights_need_a_gpu_to_build(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    outcome = sssd_export("build", tiny_model, "--target", "tensorrt-rtx:refit=true", "--out", tmp_path / "engine")
    assert "tensorrt-rtx:refit=true needs an NVIDIA GPU to build: no GPU" in error_line(outcome)
    assert not (tmp_path / "engine").exists()


class _FakeTRT(SimpleNamespace):
    """TensorRT's refitting calls in the order in which they have to come; no GPU here has the real ones."""

    def __init__(self, missing: list[str]) -> None:
        calls: list[str] = []

        def called(name: str, answer: Any) -> Any:
            calls.append(name)
            return answer

        plan = SimpleNamespace(serialize=lambda: called("serialize", b"other weights"))
        super().__init__(
            __name__="tensorrt",
            calls=calls,
            ILogger=object,
            Runtime=lambda _: SimpleNamespace(deserialize_cuda_engine=lambda data: called(f"open {data!r}", plan)),
            Refitter=lambda opened, _: SimpleNamespace(
                refit_cuda_engine=lambda: called("refit", opened is plan and not missing),
                get_missing_weights=lambda: missing,
            ),
            OnnxParserRefitter=lambda *_: SimpleNamespace(
                refit_from_bytes=lambda proto: called("weights", onnx.load_from_string(proto).graph.node != [])
            ),
        )


PLAN = {"layers": 3, "profile": {"windows": [1, 1, 8], "samples": [1, 100, 1000]}, "refit": True}


def _engine_with_a_plan(tiny_engine: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "denoiser.plan").write_bytes(b"weights")
    shutil.copy(tiny_engine / "correlation.bin", folder)
    manifest = read_manifest(tiny_engine)
    entry = {**manifest["parts"][0], "name": "denoiser", "graph": "denoiser.plan", "plan": PLAN}
    write_manifest(folder, {**manifest, "target": "tensorrt", "parts": [entry]})
    return folder


def test_a_plans_weights_are_replaced_by_tensorrts_own_refitter(
    tiny: Compiled, tiny_engine: Path, tmp_path: Path
) -> None:
    trt, engine, graph = _FakeTRT([]), _engine_with_a_plan(tiny_engine, tmp_path / "engine"), tiny.model("ddim", 2)
    entry = refit_plan(trt, graph, engine, tmp_path, "denoiser", dict, precision="fp32")
    assert trt.calls == ["open b'weights'", "weights", "refit", "serialize"]
    assert (tmp_path / "denoiser.plan").read_bytes() == b"other weights"
    assert entry == {"graph": "denoiser.plan", "plan": PLAN}


def test_weights_that_a_plan_has_no_place_for_are_named(tiny: Compiled, tiny_engine: Path, tmp_path: Path) -> None:
    trt, engine, graph = (
        _FakeTRT(["head.out"]),
        _engine_with_a_plan(tiny_engine, tmp_path / "engine"),
        tiny.model("ddim", 2),
    )
    with pytest.raises(SSSDError, match=r"tensorrt cannot put the weights into the denoiser: head\.out"):
        refit_plan(trt, graph, engine, tmp_path, "denoiser", dict, precision="fp32")
    assert not (tmp_path / "denoiser.plan").exists()


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_no_gpu()), reason=f"needs a GPU: {why_no_gpu()}")
@pytest.mark.parametrize("target", ["tensorrt-rtx", "tensorrt"])
def test_on_a_gpu_a_plan_forecasts_what_the_other_model_does(
    tiny_model: Path, tiny: Compiled, other: Path, tmp_path: Path, target: str
) -> None:
    if next(entry for entry in registry().entries if entry.name == target).status != "ok":
        pytest.skip(f"{target} is not installed")
    out = tmp_path / "engine"
    export_model(tiny_model, out, f"{target}:refit=true", steps=4, samples=16)
    refit(out, other)
    seen = load_engine(out)(engine_inputs(tiny.windows), 20, 3).samples
    pipeline = SSSDPipeline.from_pretrained(other)
    expected = pipeline(tiny.windows, num_inference_steps=4, num_samples=20, generator=3).samples
    assert largest_error(seen, expected) < 1e-3
