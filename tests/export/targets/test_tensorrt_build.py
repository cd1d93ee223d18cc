"""Real TensorRT-RTX plans, built with no GPU; what needs one to run is marked ``gpu``."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from compiled import Compiled, condition_size, liven

from sssd_engine.engine import load_engine
from sssd_engine.manifest import EngineError, read_manifest
from sssd_engine.nvidia import why_no_gpu
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph
from sssd_export.request import export_model
from sssd_export.targets.tensorrt_build import Profile, compile_plan
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.registry import registry

trt = pytest.importorskip("tensorrt_rtx", reason="the tensorrt-rtx extra is not installed")

PROFILE = Profile((1, 1, 8), (1, 16, 64))
MIDDLE = ("encode", "denoise")


def denoiser(case: Compiled, steps: int = 3, how: str = "unrolled") -> ir.Model:
    return build_graph(case.pieces, case.tableau("dpmsolver++", steps), MIDDLE, how)


def plan(model: ir.Model, folder: Path, name: str = "denoiser", **how: Any) -> tuple[bytes, dict[str, Any]]:
    options = {"precision": "fp32", "profile": PROFILE, "compute_capabilities": ["86"], **how}
    entries = compile_plan(trt, model, folder, name, dict, **options)
    return (folder / entries["graph"]).read_bytes(), entries["plan"]


def differing(first: bytes, again: bytes) -> int:
    """In how many bytes two plans of one size differ.

    TensorRT-RTX numbers a few of a plan's layers by where its memory happened to lie: of 40 plans built in a row in one
    process some four have other numbers, 14 bytes, whatever ``max_threads`` is. Nothing else may differ.
    """
    assert len(first) == len(again)
    return int(np.count_nonzero(np.frombuffer(first, np.uint8) != np.frombuffer(again, np.uint8)))


NUMBERING = 64


@pytest.fixture(scope="module")
def unet(by_token: Compiled) -> Compiled:
    """The tiny model with a convolutional head, with attention."""
    _, latent = by_token.network.latent_shape
    spec = registry().heads["film-unet"]
    torch.manual_seed(0)
    head = spec.factory(latent, condition_size(by_token.network), spec.options(widths=(8, 16)))
    return by_token.with_head(liven(head))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_plan_is_built_the_same_every_time(tiny: Compiled, tmp_path: Path, precision: str) -> None:
    model = denoiser(tiny)
    before = ir.to_proto(model).SerializeToString()
    first, described = plan(model, tmp_path, precision=precision)
    again, _ = plan(model, tmp_path, "again", precision=precision)
    assert differing(first, again) <= NUMBERING
    assert first[:4] == b"vtrt"
    assert described["layers"] > 0
    assert described["profile"] == {"windows": (1, 1, 8), "samples": (1, 16, 64)}
    assert ir.to_proto(model).SerializeToString() == before, "the graph that parity is checked by was changed"


@pytest.mark.slow
def test_a_loops_plan_is_the_same_in_every_process(tiny: Compiled, tmp_path: Path) -> None:
    """In one process TensorRT numbers the loops that it has seen, and the numbers are in its layers' names."""
    ir.save(denoiser(tiny, how="loop"), tmp_path / "loop.onnx")
    script = (
        "import sys, pathlib, onnx_ir, tensorrt_rtx; from sssd_export.targets.tensorrt_build import *;"
        "compile_plan(tensorrt_rtx, onnx_ir.load(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], dict,"
        "precision='fp16', profile=Profile((1, 1, 8), (1, 16, 64)), compute_capabilities=['86'])"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", script, tmp_path / "loop.onnx", tmp_path, name], check=True)
    one, two = ((tmp_path / f"{name}.plan").read_bytes() for name in ("one", "two"))
    assert differing(one, two) <= NUMBERING


def test_a_unet_is_built(unet: Compiled, tmp_path: Path) -> None:
    content, described = plan(denoiser(unet, steps=2), tmp_path)
    weights = sum(parameter.numel() for parameter in unet.network.head.parameters())
    assert len(content) > 4 * weights
    assert described["layers"] > 10


def test_a_plan_is_for_the_gpus_that_were_asked_for(tiny: Compiled, tmp_path: Path) -> None:
    """Byte 32 is a bit for each of 75, 80, 86, 89, 120, 121."""
    model = denoiser(tiny, steps=1)
    masks = [plan(model, tmp_path, compute_capabilities=gpus)[0][32] for gpus in (["86"], ["89"], ["86", "89"])]
    assert masks == [4, 8, 12]


def test_a_loop_is_smaller_than_its_unrolling(tiny: Compiled, tmp_path: Path) -> None:
    sizes = {how: len(plan(denoiser(tiny, 20, how), tmp_path)[0]) for how in ("unrolled", "loop")}
    assert sizes["loop"] < sizes["unrolled"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"compute_capabilities": ["90"]}, "builds for compute capabilities 75, 80, .* not 90"),
        ({"profile": Profile((4, 1, 8), (1, 16, 64))}, "smallest, usual and largest have to ascend"),
        ({"profile": Profile((1, 1, 8), (1, 100, 64))}, "smallest, usual and largest have to ascend"),
    ],
)
def test_what_cannot_be_built_is_said(tiny: Compiled, tmp_path: Path, how: dict[str, Any], message: str) -> None:
    with pytest.raises(SSSDError, match=message):
        plan(denoiser(tiny, steps=1), tmp_path, **how)
    assert list(tmp_path.iterdir()) == []


def test_an_operator_that_it_has_not_is_named(tmp_path: Path) -> None:
    kind = ir.TensorType(ir.DataType.FLOAT)
    x = ir.Value(name="x", type=kind, shape=ir.Shape([4]))
    node = ir.node("DFT", [x])
    graph = ir.Graph([x], node.outputs, nodes=[node], opset_imports={"": 20})
    with pytest.raises(SSSDError, match=r"does not take the denoiser: .*DFT"):
        plan(ir.Model(graph, ir_version=10), tmp_path)


@pytest.fixture(scope="module")
def engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tensorrt") / "engine"
    export_model(tiny_model, out, "tensorrt-rtx", steps=3, samples=16, precision="fp16")
    return out


def test_an_engine_says_whether_it_was_run(engine: Path) -> None:
    manifest = read_manifest(engine)
    assert [part["runtime"] for part in manifest["parts"]] == ["onnxruntime", "tensorrt-rtx", "onnxruntime"]
    assert manifest["parity"]["max_error"] <= manifest["parity"]["tolerance"]
    assert ("not run" in manifest["parity"]) == bool(why_no_gpu())
    middle = manifest["parts"][1]
    assert middle["precision"] == "fp16"
    assert [port["name"] for port in middle["inputs"]] == ["features_1h", "features_4h", "noise"]


@pytest.mark.skipif(not why_no_gpu(), reason="there is a GPU")
def test_without_a_gpu_loading_says_so(engine: Path) -> None:
    with pytest.raises(EngineError, match=r"denoiser\.plan needs an NVIDIA GPU to run: no GPU"):
        load_engine(engine)
    status_text = {entry.name: entry.status_text for entry in registry().entries if entry.kind == "target"}
    assert status_text["tensorrt-rtx"].startswith("can build, cannot run here: no GPU")
    assert status_text["onnx"] == "available"
    assert status_text["tensorrt"].startswith(
        ("not installed: pip install 'sssd-registry[tensorrt]'", "cannot build here")
    )


def test_more_windows_than_it_was_built_for_are_not_tried_to_be_built(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="set max_windows and max_samples"):
        export_model(tiny_model, tmp_path / "engine", "tensorrt-rtx:max_samples=10", steps=2, samples=16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_no_gpu()), reason=f"needs a GPU: {why_no_gpu()}")
@pytest.mark.parametrize("target", ["tensorrt-rtx", "tensorrt"])
@pytest.mark.parametrize("loop", ["unrolled", "loop", "step"])
def test_on_a_gpu_it_forecasts_what_the_model_forecasts(
    tiny_model: Path, tiny: Compiled, tmp_path: Path, target: str, loop: str
) -> None:
    """Three times: by itself, while a CUDA graph is recorded, and by that graph."""
    if next(entry for entry in registry().entries if entry.name == target).status != "ok":
        pytest.skip(f"{target} is not installed")
    export_model(tiny_model, tmp_path / "engine", target, steps=3, samples=16, loop=loop)
    export_model(tiny_model, tmp_path / "onnx", "onnx", steps=3, samples=16)
    fast, slow = load_engine(tmp_path / "engine"), load_engine(tmp_path / "onnx")
    for seed in range(3):
        inputs = engine_inputs(tiny.windows)
        np.testing.assert_allclose(fast(inputs, 20, seed).samples, slow(inputs, 20, seed).samples, rtol=1e-4)
    with pytest.raises(EngineError, match="takes at most"):
        fast(engine_inputs(tiny.windows), 5000)


def test_a_profile_fills_in_what_is_dynamic() -> None:
    sizes = [2, ir.SymbolicDim("windows"), ir.SymbolicDim("samples"), 3]
    assert [PROFILE.shape(sizes, which) for which in range(3)] == [[2, 1, 1, 3], [2, 1, 16, 3], [2, 8, 64, 3]]
    assert dataclasses.asdict(PROFILE) == {"windows": (1, 1, 8), "samples": (1, 16, 64)}
