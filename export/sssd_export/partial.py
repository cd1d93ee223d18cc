"""What of a head does not change from step to step: done once, or folded into constants.

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


@dataclass(frozen=True)
class HeadParts:
    """Nodes of a head's graph, each list in its order.

    Attributes:
        hoisted: depend on the condition, or on nothing.
        timed: depend on the time step, and perhaps on nothing else.
        step: everything else.
        constants: values of ``timed`` nodes that ``step`` nodes, or the output, use.
    """

    hoisted: list[ir.Node]
    timed: list[ir.Node]
    step: list[ir.Node]
    constants: list[ir.Value]


def split_head(graph: ir.Graph) -> HeadParts:
    """Cut a head's graph, with inputs ``z``, ``t`` and ``condition``, by dependency."""
    depends: dict[ir.Value, frozenset[str]] = {value: frozenset({str(value.name)}) for value in graph.inputs}
    groups: dict[str, list[ir.Node]] = {"hoisted": [], "timed": [], "step": []}
    for node in graph:
        needs = frozenset[str]().union(*(depends.get(value, frozenset()) for value in node.inputs if value))
        depends.update(dict.fromkeys(node.outputs, needs))
        group = "step" if "z" in needs or needs == {"t", "condition"} else "timed" if "t" in needs else "hoisted"
        groups[group].append(node)
    timed = {value for node in groups["timed"] for value in node.outputs}
    used = [value for node in groups["step"] for value in node.inputs if value in timed] + [
        value for value in graph.outputs if value in timed
    ]
    return HeadParts(groups["hoisted"], groups["timed"], groups["step"], list(dict.fromkeys(used)))  # type: ignore[arg-type]


def time_constants(
    model: ir.Model, parts: HeadParts, timesteps: Sequence[float]
) -> list[dict[ir.Value, np.ndarray[Any, Any]]]:
    """The values of ``parts.constants`` at every time step, by running the timed nodes alone."""
    if not parts.constants:
        return [{} for _ in timesteps]
    from sssd_export.inline import Inliner

    source = model.graph
    t = next(value for value in source.inputs if value.name == "t")
    feed = ir.Value(name="t", type=t.type, shape=t.shape)
    small = ir.Graph([feed], [], nodes=[], opset_imports=source.opset_imports, name="time")
    # Hoisted nodes that need no input may feed the timed ones (shapes, constants).
    inputs = set(source.inputs)
    free = [node for node in parts.hoisted if not _reaches(node, inputs)]
    known = Inliner(source, small, "time").copy([*free, *parts.timed], {t: feed})
    small.outputs.extend(known[value] for value in parts.constants)
    proto = ir.to_proto(ir.Model(small, ir_version=model.ir_version))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    shape = tuple(int(size) for size in t.shape or ())
    runs = [session.run(None, {"t": np.full(shape, step, dtype=np.float32)}) for step in timesteps]
    return [dict(zip(parts.constants, run, strict=True)) for run in runs]


def _reaches(node: ir.Node, inputs: set[ir.Value]) -> bool:
    """Whether a node depends on any of ``inputs``."""
    for value in node.inputs:
        if value is None:
            continue
        if value in inputs:
            return True
        producer = value.producer()
        if producer is not None and _reaches(producer, inputs):
            return True
    return False
