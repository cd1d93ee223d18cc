"""Partition of a head by what changes from step to step: the rest is done once, or folded into constants.

Nothing is asked of the head: its graph is cut by what each node depends on.

    condition only    -> computed once for each forecast, before the loop
    time step only    -> constants, one for each step
    z (and anything)  -> in the loop
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from sssd_export.graph.inline import Inliner


@dataclass(frozen=True)
class HeadParts:
    """Nodes of a head's graph, each list in its order.

    Attributes:
        free: depend on nothing: shapes, constants.
        hoisted: depend on the condition and on nothing else.
        timed: depend on the time step, and perhaps on nothing else.
        step: everything else.
        constants: the time step and values of ``timed`` nodes, where ``step`` nodes or the output use them.
    """

    free: list[ir.Node]
    hoisted: list[ir.Node]
    timed: list[ir.Node]
    step: list[ir.Node]
    constants: list[ir.Value]


def split_head(graph: ir.Graph) -> HeadParts:
    """Cut a head's graph, with inputs ``z``, ``t`` and ``condition``, by dependency."""
    depends: dict[ir.Value, frozenset[str]] = {value: frozenset({str(value.name)}) for value in graph.inputs}
    free: list[ir.Node] = []
    hoisted: list[ir.Node] = []
    timed: list[ir.Node] = []
    step: list[ir.Node] = []
    groups = {frozenset[str](): free, frozenset({"condition"}): hoisted, frozenset({"t"}): timed}
    for node in graph:
        needs = frozenset[str]().union(*(depends.get(value, frozenset()) for value in node.inputs if value))
        depends.update(dict.fromkeys(node.outputs, needs))
        groups.get(needs, step).append(node)
    made = {value for node in timed for value in node.outputs} | {v for v in graph.inputs if v.name == "t"}
    read = [value for node in step for value in node.inputs if value is not None] + list(graph.outputs)
    constants = list(dict.fromkeys(value for value in read if value in made))
    return HeadParts(free, hoisted, timed, step, constants)


def parts_of(graph: ir.Graph, broadcast_time: bool) -> HeadParts:
    """:func:`split_head`; of a head that wants a time step for each sample nothing is known to be constant."""
    parts = split_head(graph)
    if broadcast_time:
        return parts
    once = {*parts.free, *parts.hoisted}
    return HeadParts(parts.free, parts.hoisted, [], [node for node in graph if node not in once], [])


@dataclass(frozen=True)
class PlacedHead:
    """A head in a graph that is to call it: what is done once is there, what each call does is to be copied."""

    inliner: Inliner
    parts: HeadParts
    once: dict[ir.Value, ir.Value]


def place_head(
    graph: ir.Graph, head: ir.Graph, condition: ir.Value, broadcast_time: bool, prefix: str = "head"
) -> PlacedHead:
    """Append to ``graph`` what of ``head`` depends on nothing, or on the condition alone."""
    parts, inliner = parts_of(head, broadcast_time), Inliner(head, graph, prefix)
    return PlacedHead(inliner, parts, inliner.copy([*parts.free, *parts.hoisted], {head.inputs[2]: condition}))


def time_constants(
    model: ir.Model, parts: HeadParts, timesteps: Sequence[float]
) -> list[dict[ir.Value, np.ndarray[Any, Any]]]:
    """The values of ``parts.constants`` at every time step, by running the timed nodes alone."""
    if not parts.constants:
        return [{} for _ in timesteps]
    source = model.graph
    t = next(value for value in source.inputs if value.name == "t")
    feed = ir.Value(name="t", type=t.type, shape=t.shape)
    small = ir.Graph([feed], [], nodes=[], opset_imports=source.opset_imports, name="time")
    known = Inliner(source, small, "time").copy([*parts.free, *parts.timed], {t: feed})
    for value in parts.constants:
        # The time step itself may be among them, and an input that is an output is not for every runtime.
        small.append(ir.node("Identity", [known[value]]))
        small.outputs.append(small[-1].outputs[0])
    proto = ir.to_proto(ir.Model(small, ir_version=model.ir_version))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    shape = () if t.shape is None else t.shape.numpy()
    runs = [session.run(None, {"t": np.full(shape, step, dtype=np.float32)}) for step in timesteps]
    return [dict(zip(parts.constants, run, strict=True)) for run in runs]
