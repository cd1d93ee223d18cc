"""Half precision in the graph: the head's products and nothing else."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from compiled import Compiled, arrays, counts, normal

from sssd_export.build.assemble import literal_session
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph
from sssd_export.graph.inline import constant
from sssd_export.graph.lower_precision import emulate_precision, lower_precision


def run(model: ir.Model, case: Compiled) -> np.ndarray:
    noise = normal(0, 2, 64, *case.network.correlation.noise_shape)
    session = literal_session(model)
    return session.run(["samples"], {**engine_inputs(case.windows.part(0, 2)), "noise": noise})[0]


@pytest.mark.parametrize("kind", ["fp16", "bf16"])
def test_the_emulation_rounds_both_factors_and_adds_in_float32(kind: str) -> None:
    random = np.random.default_rng(0)
    x, w = (random.normal(size=shape).astype(np.float32) for shape in ((5, 30), (30, 7)))
    value = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([5, 30]))
    graph = ir.Graph([value], [], nodes=[], opset_imports={"": 20})
    node = ir.node("MatMul", [value, constant(graph, "w", ir.tensor(w))], name="head.product")
    node.outputs[0].name, node.outputs[0].type = "y", value.type
    graph.append(node)
    graph.outputs.append(node.outputs[0])
    model = emulate_precision(ir.Model(graph, ir_version=10), kind)
    (seen,) = literal_session(model).run(None, {"x": x})
    dtype = {"fp16": np.float16, "bf16": ml_dtypes.bfloat16}[kind]
    np.testing.assert_allclose(seen, x.astype(dtype).astype(np.float32) @ w.astype(dtype).astype(np.float32), rtol=1e-5)
    assert np.abs(seen - x @ w).max() > 1e-4


@pytest.mark.parametrize("how", ["unrolled", "loop"])
def test_fp16_products_are_near_the_float32_ones(joint: Compiled, how: str) -> None:
    whole = build_graph(joint.pieces, joint.tableau("ddim", 4), how=how)
    half, rounded = lower_precision(whole, "fp16"), emulate_precision(whole, "fp16")
    for model in (half, rounded):
        onnx.checker.check_model(ir.to_proto(model), full_check=True)
    expected, seen, stand_in = (run(model, joint) for model in (whole, half, rounded))
    assert 1e-6 < largest_error(seen, expected) < 2e-2
    assert 1e-6 < largest_error(stand_in, expected) < 2e-2


def test_bf16_is_rounder_than_fp16(joint: Compiled) -> None:
    whole = build_graph(joint.pieces, joint.tableau("ddim", 4))
    expected = run(whole, joint)
    fine, coarse = (largest_error(run(emulate_precision(whole, kind), joint), expected) for kind in ("fp16", "bf16"))
    assert fine < coarse < 0.2
    onnx.checker.check_model(ir.to_proto(lower_precision(whole, "bf16")), full_check=True)


def test_only_the_heads_products_are_lowered_and_weights_stay_one(tiny: Compiled) -> None:
    whole = build_graph(tiny.pieces, tiny.tableau("ddim", 6))
    half = lower_precision(whole, "fp16")
    kept = {name for name, array in arrays(whole).items() if not name.startswith("head.")}
    assert kept <= set(arrays(half))
    assert all(arrays(half)[name].dtype == arrays(whole)[name].dtype for name in kept)
    products = [node for node in half.graph if node.op_type in ("MatMul", "Gemm") and node.name.startswith("head.")]
    weights = {node.inputs[1].name for node in products}
    assert all(name.endswith(".half") for name in weights)
    assert len(weights) < len(products), "each is used in every step"
    assert not {name.removesuffix(".half") for name in weights} & set(arrays(half)), "kept in both precisions"
    assert counts(half)["MatMul"] == counts(whole)["MatMul"]


def test_float32_is_left_alone(tiny: Compiled) -> None:
    whole = build_graph(tiny.pieces, tiny.tableau("ddim", 2))
    assert lower_precision(whole, "fp32") is whole
    assert emulate_precision(whole, "fp32") is whole
