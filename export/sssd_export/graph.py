"""One graph from raw windows and noise to samples and quantiles: the pieces, with the loop unrolled between them.

    values_*, times_* ─▶ condition ─▶ [ head ⇄ tableau ] × M ─▶ samples, quantiles
                                noise ─┘

The head was traced once; its nodes are copied for each call over one set of weights. What the scheduler does is
the tableau's numbers: no scheduler is known by name here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from sssd_export.inline import Inliner, constant
from sssd_export.partial import HeadParts, split_head, time_constants
from sssd_export.trace import OPSET, SAMPLES, WINDOWS, Pieces
from sssd_registry.tableau import SolverTableau, Update


def build_graph(pieces: Pieces, tableau: SolverTableau, num_horizons: int, latent_size: int) -> ir.Model:
    """Compose the engine's graph.

    Inputs: those of the condition piece, and ``noise`` float32 ``(num_noises, B, S, K, D)``.
    Outputs: ``samples`` float64 ``(B, S, K, C)`` and ``quantiles`` float64 ``(B, Q, K, C)``.
    """
    raw = [ir.Value(name=value.name, type=value.type, shape=value.shape) for value in pieces.condition.graph.inputs]
    noise = ir.Value(
        name="noise",
        type=ir.TensorType(ir.DataType.FLOAT),
        shape=ir.Shape([tableau.num_noises, WINDOWS, SAMPLES, num_horizons, latent_size]),
    )
    graph = ir.Graph([*raw, noise], [], nodes=[], opset_imports={"": OPSET}, name="sssd")
    source = pieces.condition.graph
    known = Inliner(source, graph, "encoder").copy(source, dict(zip(source.inputs, raw, strict=True)))
    condition, *units = (known[value] for value in source.outputs)
    latents = unroll(graph, pieces.head, tableau, condition, noise, pieces.broadcast_time)
    source = pieces.outputs.graph
    known = Inliner(source, graph, "outputs").copy(source, dict(zip(source.inputs, (latents, *units), strict=True)))
    for value in source.outputs:
        output = known[value]
        output.name = value.name
        graph.outputs.append(output)
    return ir.Model(graph, ir_version=10, producer_name="sssd_export")


def build_loop(pieces: Pieces, tableau: SolverTableau, cond_size: int, num_horizons: int, latent_size: int) -> ir.Model:
    """The loop alone: ``condition (B, K, C), noise -> latents (B, S, K, D)``; what benchmarks compare loops by."""
    kind = ir.TensorType(ir.DataType.FLOAT)
    condition = ir.Value(name="condition", type=kind, shape=ir.Shape([WINDOWS, num_horizons, cond_size]))
    shape = ir.Shape([tableau.num_noises, WINDOWS, SAMPLES, num_horizons, latent_size])
    noise = ir.Value(name="noise", type=kind, shape=shape)
    graph = ir.Graph([condition, noise], [], nodes=[], opset_imports={"": OPSET}, name="sssd_loop")
    latents = unroll(graph, pieces.head, tableau, condition, noise, pieces.broadcast_time)
    latents.name = "latents"
    graph.outputs.append(latents)
    return ir.Model(graph, ir_version=10, producer_name="sssd_export")


def unroll(
    graph: ir.Graph,
    head: ir.Model,
    tableau: SolverTableau,
    condition: ir.Value,
    noise: ir.Value,
    broadcast_time: bool,
) -> ir.Value:
    """Append the whole loop to ``graph``; returns the latents ``(B, S, K, D)``."""
    z, t, cond = head.graph.inputs
    inliner = Inliner(head.graph, graph, "head")
    parts = split_head(head.graph) if broadcast_time else _all_in_step(head.graph)
    once = inliner.copy([*parts.free, *parts.hoisted], {cond: condition})
    folded = time_constants(head, parts, tableau.timesteps.tolist())
    emit = _Emitter(graph, noise)
    states: list[ir.Value] = []
    outputs: list[ir.Value] = []
    state = emit.combine(tableau.updates[0], states, outputs, "x0")
    for call, timestep in enumerate(tableau.timesteps):
        values = {**once, z: state}
        if not broadcast_time:
            values[t] = emit.expanded_time(float(timestep), call)
        for value, array in folded[call].items():
            values[value] = constant(graph, f"head.{value.name}.step{call}", ir.tensor(array))
        known = inliner.copy(parts.step, values, suffix=f".step{call}")
        states.insert(0, state)
        outputs.insert(0, known[head.graph.outputs[0]])
        state = emit.combine(tableau.updates[call + 1], states, outputs, f"x{call + 1}")
    return state


def _all_in_step(graph: ir.Graph) -> HeadParts:
    """For a head that wants a time step for each sample: nothing is known to be constant."""
    parts = split_head(graph)
    once = {*parts.free, *parts.hoisted}
    return HeadParts(parts.free, parts.hoisted, [], [node for node in graph if node not in once], [])


class _Emitter:
    """Appends the solver's own arithmetic: weighted sums of states, outputs and noise."""

    def __init__(self, graph: ir.Graph, noise: ir.Value) -> None:
        self.graph, self.noise = graph, noise
        self.draws: dict[int, ir.Value] = {}

    def combine(self, update: Update, states: Sequence[ir.Value], outputs: Sequence[ir.Value], name: str) -> ir.Value:
        """The weighted sum that ``update`` is."""
        total: ir.Value | None = None
        for position, term in enumerate(update):
            if term.source == "noise":
                value = self._draw(term.index)
            else:
                value = (states if term.source == "state" else outputs)[term.index]
            if term.weight != 1.0:
                weight = self._number(f"{name}.weight{position}", np.float32(term.weight))
                value = self._node("Mul", [value, weight], f"{name}.term{position}")
            total = value if total is None else self._node("Add", [total, value], f"{name}.sum{position}")
        if total is None:
            raise ValueError(f"{name} has no terms")
        return total

    def expanded_time(self, timestep: float, call: int) -> ir.Value:
        """``t`` for each sample, ``(B, S)``."""
        name = f"t{call}"
        shape = self._node("Shape", [self.noise], f"{name}.shape", {"start": 1, "end": 3})
        return self._node("Expand", [self._number(f"{name}.value", np.float32(timestep)), shape], name)

    def _draw(self, index: int) -> ir.Value:
        if index not in self.draws:
            which = self._number(f"noise{index}.index", np.int64(index))
            self.draws[index] = self._node("Gather", [self.noise, which], f"noise{index}", {"axis": 0})
        return self.draws[index]

    def _number(self, name: str, number: Any) -> ir.Value:
        return constant(self.graph, f"solver.{name}", ir.tensor(np.array(number)))

    def _node(
        self, op: str, inputs: Sequence[ir.Value], name: str, attributes: dict[str, Any] | None = None
    ) -> ir.Value:
        made = ir.node(op, list(inputs), attributes or {}, name=f"solver.{name}")
        made.outputs[0].name = f"solver.{name}"
        self.graph.append(made)
        return made.outputs[0]
