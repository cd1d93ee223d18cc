"""One call of the head as a graph of its own, for an engine whose loop is run step by step outside of it.

prepare   condition                   -> what of the head depends on nothing else
step      z, t, what was prepared     -> output
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from sssd_export.graph.head_partition import parts_of, place_head
from sssd_export.graph.inline import Inliner
from sssd_export.graph.trace import TracedHead


def prepared_values(head: TracedHead) -> dict[str, ir.Value]:
    """Values of the head's graph that are made once and read in every step, by the names they travel under."""
    graph = head.model.graph
    parts = parts_of(graph, head.broadcast_time)
    _, _, condition = graph.inputs
    made = {condition, *(value for node in parts.hoisted for value in node.outputs)}
    read = [value for node in (*parts.timed, *parts.step) for value in node.inputs if value in made]
    return {f"head.{value.name}": value for value in dict.fromkeys(read) if value is not None}


def append_prepare(graph: ir.Graph, head: TracedHead, condition: ir.Value) -> dict[str, ir.Value]:
    """Append what is computed from the condition alone; returns it by name."""
    known = place_head(graph, head.model.graph, condition, head.broadcast_time, "prepare").once
    made = {}
    for name, value in prepared_values(head).items():
        # A graph's output cannot be its input as well, which the condition itself may be.
        node = ir.node("Identity", [known[value]], name=f"{name}.ready")
        node.outputs[0].type, node.outputs[0].shape = value.type, value.shape
        graph.append(node)
        made[name] = node.outputs[0]
    return made


def append_step(graph: ir.Graph, head: TracedHead, values: Mapping[str, ir.Value]) -> ir.Value:
    """Append one call of the head; ``values`` has ``z``, ``t`` and what was prepared."""
    source = head.model.graph
    parts = parts_of(source, head.broadcast_time)
    z, t, _ = source.inputs
    ready = {value: values[name] for name, value in prepared_values(head).items()}
    outside = {z: values["z"], t: values["t"]} | ready
    known = Inliner(source, graph, "head").copy([*parts.free, *parts.timed, *parts.step], outside)
    return known[source.outputs[0]]
