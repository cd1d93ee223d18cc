"""ONNX Runtime on an NVIDIA GPU: all but the GPU itself is tried on the CPU; what needs one is marked ``gpu``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from compiled import Compiled, condition_size, normal

from sssd_engine import EngineError, load_engine
from sssd_engine.manifest import read_manifest
from sssd_engine.nvidia import why_no_gpu
from sssd_engine.onnx_cuda_part import PROVIDER, OnnxCudaPart, open_onnx_cuda
from sssd_engine.part import OnnxPart
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_loop
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError


def test_memory_that_stays_bound_gives_what_a_plain_call_gives(tiny: Compiled) -> None:
    tableau = tiny.tableau("ddpm", 3)
    model = build_loop(tiny.head.model, tiny.head.broadcast_time, tableau)
    serial = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(serial, providers=["CPUExecutionProvider"])
    bound, plain = OnnxCudaPart(session, "cpu"), OnnxPart(session)
    tokens, latent = tiny.network.latent_shape
    feeds = [
        {
            "condition": normal(seed, windows, tokens, condition_size(tiny.network)),
            "noise": normal(seed, windows, tableau.num_noises, samples, tokens, latent),
        }
        for seed, (windows, samples) in enumerate([(1, 4), (2, 4), (1, 4), (2, 7), (2, 4)])
    ]
    seen = [bound(feed)["latents"] for feed in feeds]
    assert len(bound.lanes) == 3, "one for each pair of sizes"
    for feed, latents in zip(feeds, seen, strict=True):  # compared last: a later call must not write over it
        np.testing.assert_array_equal(latents, plain(feed)["latents"])


@pytest.fixture(scope="module")
def engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cuda") / "engine"
    export_model(tiny_model, out, "onnx:provider=cuda", steps=3, samples=16)
    return out


def test_prices_stay_on_the_cpu(engine: Path) -> None:
    manifest = read_manifest(engine)
    assert [part["runtime"] for part in manifest["parts"]] == ["onnxruntime", "onnxruntime-cuda", "onnxruntime"]
    assert ("not run" in manifest["parity"]) == bool(why_no_gpu() or PROVIDER not in _providers())


def _providers() -> list[str]:
    return list(onnxruntime.get_available_providers())


@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU")
def test_without_a_gpu_loading_says_so(engine: Path) -> None:
    with pytest.raises(EngineError, match=r"denoiser\.onnx needs an NVIDIA GPU to run: no GPU"):
        load_engine(engine)


@pytest.mark.skipif(PROVIDER in _providers(), reason="this ONNX Runtime has the CUDA provider")
def test_an_onnxruntime_without_the_provider_says_what_to_install(engine: Path) -> None:
    with pytest.raises(EngineError, match=re.escape("pip install 'sssd-engine[gpu]'")):
        open_onnx_cuda(engine / "denoiser.onnx", 1)


def test_a_provider_that_cannot_be_loaded_is_no_silent_fall_back(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As onnxruntime-gpu does where CUDA's libraries are not: it warns, and takes the CPU."""
    real = onnxruntime.InferenceSession

    def on_the_cpu(*arguments: Any, providers: Any, **options: Any) -> Any:
        assert [name for name, _ in providers] == [PROVIDER]
        return real(*arguments, providers=["CPUExecutionProvider"], **options)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [PROVIDER, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", on_the_cpu)
    with pytest.raises(EngineError, match="has the CUDA provider, but could not load it"):
        open_onnx_cuda(engine / "denoiser.onnx", 1)


@pytest.mark.parametrize(
    ("target", "precision", "message"),
    [("onnx:provider=tpu", None, "cpu or cuda, not 'tpu'"), ("onnx:provider=cuda", "int8", "is for fp32, not int8")],
)
def test_what_cannot_be_had_is_said(
    tiny_model: Path, tmp_path: Path, target: str, precision: str | None, message: str
) -> None:
    with pytest.raises(SSSDError, match=message):
        export_model(tiny_model, tmp_path / "engine", target, steps=2, precision=precision)
    assert list(tmp_path.iterdir()) == []


def test_a_loop_that_no_cuda_graph_holds_is_refused(working_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="records none of a graph with a Loop: leave --loop out"):
        export_model(working_model, tmp_path / "engine", "onnx:provider=cuda", steps=2, loop="loop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_no_gpu()), reason=f"needs a GPU: {why_no_gpu()}")
def test_on_a_gpu_it_forecasts_what_the_model_forecasts(
    engine: Path, tiny_model: Path, tiny: Compiled, tmp_path: Path
) -> None:
    """Three times: by itself, while a CUDA graph is recorded, and by that graph."""
    if PROVIDER not in _providers():
        pytest.skip("onnxruntime-gpu is not installed")
    export_model(tiny_model, tmp_path / "onnx", "onnx", steps=3, samples=16)
    fast, slow = load_engine(engine), load_engine(tmp_path / "onnx")
    for seed in range(3):
        inputs = engine_inputs(tiny.windows)
        np.testing.assert_allclose(fast(inputs, 20, seed).samples, slow(inputs, 20, seed).samples, rtol=1e-4)
