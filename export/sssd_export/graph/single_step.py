"""One call of the head as a graph of its own, for an engine whose loop is run step by step outside of it.

prepare   condition                   -> what of the head depends on nothing else
step      z, t, what was prepared     -> output
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from sssd_export.graph.head_partition import parts_of, place_head
from sssd_export.graph.inline import Inliner
from sssd_export.graph.trace import TracedParts


def prepared(pieces: TracedParts) -> dict[str, ir.Value]:
    """Values of the head's graph that are made once and read in every step, by the names they travel under."""
    graph = pieces.head.graph
    parts = parts_of(graph, pieces.broadcast_time)
    _, _, condition = graph.inputs
    made = {condition, *(value for node in parts.hoisted for value in node.outputs)}
    read = [value for node in (*parts.timed, *parts.step) for value in node.inputs if value in made]
    return {f"head.{value.name}": value for value in dict.fromkeys(read) if value is not None}


def append_prepare(graph: ir.Graph, pieces: TracedParts, condition: ir.Value) -> dict[str, ir.Value]:
    """Append what is computed from the condition alone; returns it by name."""
    known = place_head(graph, pieces.head.graph, condition, pieces.broadcast_time, "prepare").once
    made = {}
    for name, value in prepared(pieces).items():
        # A graph's output cannot be its input as well, which the condition itself may be.
        node = ir.node("Identity", [known[value]], name=f"{name}.ready")
        node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
        graph.append(node)
        made[name] = node.outputs[0]
    return made


def append_step(graph: ir.Graph, pieces: TracedParts, values: Mapping[str, ir.Value]) -> ir.Value:
    """Append one call of the head; ``values`` has ``z``, ``t`` and what was prepared."""
    head = pieces.head.graph
    parts = parts_of(head, pieces.broadcast_time)
    z, t, _ = head.inputs
    outside = {z: values["z"], t: values["t"]} | {value: values[name] for name, value in prepared(pieces).items()}
    known = Inliner(head, graph, "head").copy([*parts.free, *parts.timed, *parts.step], outside)
    return known[head.outputs[0]]
