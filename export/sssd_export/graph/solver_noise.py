"""Noise of a solver as ONNX nodes: a path's leading noise, and what is drawn on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from sssd_export.graph.inline import constant
from sssd_export.graph.trace import SAMPLES, WINDOWS, TracedHead


def append_solver_noise(graph: ir.Graph, head: TracedHead, paths: ir.Value, draws: ir.Value | None) -> ir.Value:
    """Append nodes that take paths' noise ``(B, S, P, C)`` and draws ``(B, M, S, K, D)`` to ``(B, 1 + M, S, K, D)``."""

    def numbers(name: str, *values: int) -> ir.Value:
        return constant(graph, f"solver.first.{name}", ir.tensor(np.array(values, dtype=np.int64)))

    def node(op: str, inputs: list[ir.Value], name: str, attributes: dict[str, Any] | None = None) -> ir.Value:
        made = ir.node(op, inputs, attributes or {}, name=f"solver.{name}")
        made.outputs[0].name = f"solver.{name}"
        graph.append(made)
        return made.outputs[0]

    bounds = [numbers("from", 0, 0), numbers("to", *head.leading), numbers("axes", 2, 3)]
    leading = node("Slice", [paths, *bounds], "leading")
    first = node("Reshape", [leading, numbers("shape", 0, 0, *head.latent)], "first")
    noise = node("Unsqueeze", [first, numbers("axis", 1)], "noise")
    drawn = 0
    if draws is not None:
        drawn = int(str((draws.shape or ir.Shape([1, 0]))[1]))
        noise = node("Concat", [noise, draws], "all_noise", {"axis": 1})
    noise.type = ir.TensorType(ir.DataType.FLOAT)
    noise.shape = ir.Shape([WINDOWS, 1 + drawn, SAMPLES, *head.latent])
    return noise
