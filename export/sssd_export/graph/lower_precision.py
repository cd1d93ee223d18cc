"""A head's products in half precision, in the graph itself, as strongly typed compilers want it.

Only products with the head's weights change, which is where the time goes: their inputs are rounded, their results are
float32 again. Norms, softmax, the solver's state and the encoder, which runs once, stay float32.
"""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import onnx_ir as ir

from sssd_export.graph.inline import constant

HALF = {"fp16": ir.DataType.FLOAT16, "bf16": ir.DataType.BFLOAT16}
_NUMPY = {ir.DataType.FLOAT16: np.dtype(np.float16), ir.DataType.BFLOAT16: np.dtype(ml_dtypes.bfloat16)}
_PRODUCTS = ("MatMul", "Gemm", "Conv")


def lower_precision(model: ir.Model, precision: str) -> ir.Model:
    """A copy of ``model`` whose head computes its products in ``precision``; the same model for fp32."""
    return model if precision == "fp32" else _rewrite(model, HALF[precision], _in_half)


def emulate_precision(model: ir.Model, precision: str) -> ir.Model:
    """A copy of ``model`` that rounds what :func:`lower_precision` rounds and multiplies in float32.

    ONNX Runtime's CPU has no product in bfloat16: this is what the result of a lowered graph is checked by.
    """
    return model if precision == "fp32" else _rewrite(model, HALF[precision], _rounded)


def _rewrite(
    model: ir.Model, dtype: ir.DataType, rewrite: Callable[[ir.Graph, ir.Node, ir.DataType, _Weights], None]
) -> ir.Model:
    copied = model.clone()
    weights = _Weights(copied.graph, dtype)
    for graph in copied.graphs():
        for node in list(graph):
            if node.op_type in _PRODUCTS and (node.name or "").startswith("head."):
                rewrite(graph, node, dtype, weights)
    weights.drop_unused()
    return copied


class _Weights:
    """Constants in half precision, each once."""

    def __init__(self, graph: ir.Graph, dtype: ir.DataType) -> None:
        self.graph, self.dtype = graph, dtype
        self.made: dict[ir.Value, ir.Value] = {}

    def half(self, value: ir.Value) -> ir.Value:
        if value not in self.made:
            assert value.const_value is not None
            array = value.const_value.numpy().astype(_NUMPY[self.dtype])
            self.made[value] = constant(self.graph, f"{value.name}.half", ir.tensor(array, dtype=self.dtype))
        return self.made[value]

    def drop_unused(self) -> None:
        for value in self.made:
            if not value.uses():
                self.graph.initializers.pop(str(value.name))


def _in_half(graph: ir.Graph, node: ir.Node, dtype: ir.DataType, weights: _Weights) -> None:
    """Inputs in half precision, and the output back to float32."""
    for index, value in enumerate(node.inputs):
        if value is not None:
            half = weights.half(value) if value.const_value is not None else _cast(graph, node, index, value, dtype)
            node.replace_input_with(index, half)
    (output,) = node.outputs
    wide = ir.Value(name=f"{output.name}.wide", type=output.type, shape=output.shape)
    output.replace_all_uses_with(wide, replace_graph_outputs=True)
    output.type = ir.TensorType(dtype)
    graph.insert_after(node, ir.Node("", "Cast", [output], [_to(ir.DataType.FLOAT)], outputs=[wide]))


def _rounded(graph: ir.Graph, node: ir.Node, dtype: ir.DataType, weights: _Weights) -> None:
    """Inputs to half precision and back."""
    for index, value in enumerate(node.inputs):
        if value is not None:
            half = weights.half(value) if value.const_value is not None else _cast(graph, node, index, value, dtype)
            node.replace_input_with(index, _cast(graph, node, index, half, ir.DataType.FLOAT, "back"))


def _cast(
    graph: ir.Graph, node: ir.Node, index: int, value: ir.Value, dtype: ir.DataType, what: str = "half"
) -> ir.Value:
    made = ir.Value(name=f"{node.name}.{what}{index}", type=ir.TensorType(dtype), shape=value.shape)
    graph.insert_before(node, ir.Node("", "Cast", [value], [_to(dtype)], outputs=[made]))
    return made


def _to(dtype: ir.DataType) -> ir.Attr:
    return ir.AttrInt64("to", dtype.value)
