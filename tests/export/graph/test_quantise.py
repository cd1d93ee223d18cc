"""8-bit products: the head's, near the float32 ones, and for every compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from compiled import Compiled, arrays, counts, normal, session_of
from torch import nn

from sssd_engine.engine import load_engine
from sssd_engine.manifest import read_manifest
from sssd_export.build.manifest_entries import QUANTILE_LEVELS
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph
from sssd_export.graph.quantise import quantise
from sssd_export.graph.s4_forms import is_transform
from sssd_export.graph.trace import trace
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_network import make_network


def feed(case: Compiled, seed: int = 0) -> dict[str, Any]:
    noise = normal(seed, 3, 64, *case.network.correlation.noise_shape)
    return {**engine_inputs(case.windows.part(0, 3)), "noise": noise}


@pytest.mark.parametrize("static", [False, True])
def test_products_in_int8_are_near_those_in_float32(joint: Compiled, static: bool) -> None:
    whole = build_graph(joint.pieces, joint.tableau("ddim", 4))
    made = quantise(whole, (lambda: feed(joint)) if static else None)
    expected, seen = (session_of(model).run(["samples"], feed(joint, seed=5))[0] for model in (whole, made))
    assert 1e-5 < largest_error(seen, expected) < 1.5
    rough = np.sqrt(np.mean((seen - expected) ** 2)) / expected.std()
    # Two networks of random weights, this one and another, have 0.12 and 0.09 with rounding of each call by itself.
    assert rough < (0.05 if static else 0.2)


def test_the_heads_weights_are_int8_and_once(tiny: Compiled) -> None:
    sizes = []
    for steps in (3, 9):
        made = quantise(build_graph(tiny.pieces, tiny.tableau("ddim", steps)))
        weights = {name: array for name, array in arrays(made).items() if array.dtype == np.int8 and array.ndim == 2}
        sizes.append(sum(array.size for array in weights.values()))
        assert counts(made)["MatMulInteger"] >= 2 * steps
    head, encoder = tiny.network.head, tiny.network.encoder
    # The context is one Gemm, which ONNX Runtime does not quantise at run time.
    layers = [layer for layer in encoder.modules() if isinstance(layer, nn.Linear) and layer is not encoder.context]
    products = [head.from_z, head.from_cond, *head.hidden, head.out, *layers]
    assert sizes == [sum(layer.weight.numel() for layer in products)] * 2


def test_statically_a_part_without_the_head_is_left_alone(tiny: Compiled) -> None:
    encoder = build_graph(tiny.pieces, tiny.tableau("ddim", 2), ("normalise", "encode"))
    assert quantise(encoder, lambda: feed(tiny)) is encoder


def test_fourier_matrices_stay_float32(joint: Compiled) -> None:
    deep = make_network(joint.network.spec, joint.network.config.model_copy(update={"num_layers": 2})).eval()
    pieces = trace(deep.requires_grad_(False), joint.horizons, QUANTILE_LEVELS, joint.windows)
    encoder = build_graph(pieces, joint.tableau("ddim", 2), ("normalise", "encode"))
    transforms = [name for name in arrays(encoder) if is_transform(name)]
    assert len(transforms) == 2
    made = quantise(encoder)
    assert counts(made)["MatMulInteger"] > 3
    assert all(arrays(made)[name].dtype == np.float32 for name in transforms)


def test_a_loop_in_the_graph_is_refused(tiny: Compiled) -> None:
    looped: ir.Model = build_graph(tiny.pieces, tiny.tableau("ddim", 2), how="loop")
    with pytest.raises(SSSDError, match="int8 needs --loop unrolled or step"):
        quantise(looped)


MODULES = {"onnx": "onnxruntime", "openvino": "openvino", "tensorrt-rtx": "tensorrt_rtx"}


@pytest.mark.parametrize(
    ("target", "loop"), [("onnx", "unrolled"), ("onnx", "step"), ("openvino", "unrolled"), ("tensorrt-rtx", "unrolled")]
)
def test_every_target_builds_it(tiny_model: Path, tiny: Compiled, tmp_path: Path, target: str, loop: str) -> None:
    pytest.importorskip(MODULES[target])
    export_model(tiny_model, tmp_path / "engine", target, steps=3, samples=16, precision="int8", loop=loop)
    manifest = read_manifest(tmp_path / "engine")
    assert manifest["parity"]["max_error"] > 1e-5, "nothing was quantised"
    if "not run" not in manifest["parity"]:
        load_engine(tmp_path / "engine")(engine_inputs(tiny.windows))


def test_what_is_calibrated_needs_the_loop_in_the_graph(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(SSSDError, match="it needs --loop unrolled"):
        export_model(tiny_model, tmp_path / "engine", "openvino", steps=3, precision="int8", loop="step")
    assert list(tmp_path.iterdir()) == []
