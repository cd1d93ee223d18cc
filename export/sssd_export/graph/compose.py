"""One graph of all stages of a forecast, or several of some.

values_*, times_* ─▶ normalise ─▶ encode ─▶ denoise: [ head ⇄ tableau ] × M ─▶ decode ─▶ samples, quantiles
                                               noise ─┴────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from sssd_export.graph.inline import Inliner
from sssd_export.graph.onnx_loop import append_loop
from sssd_export.graph.single_step import append_prepare, append_step, prepared_values
from sssd_export.graph.solver_nodes import latent_shape
from sssd_export.graph.solver_noise import append_solver_noise
from sssd_export.graph.trace import OPSET, SAMPLES, WINDOWS, TracedParts
from sssd_export.graph.unroll import unroll
from sssd_registry.sampling.tableau import SolverTableau

STAGES = ("normalise", "encode", "denoise", "decode")
# Of a network that is not in use.
STAGES_WITHOUT_HEAD = ("normalise", "decode")
# With the loop outside of the graphs.
STAGES_BY_STEP = ("normalise", "encode", "prepare", "step", "decode")
OUTPUTS = ("samples", "quantiles")
# What the runtime needs, too, to make samples pass through what is given of the future.
_FOR_GIVEN = ("location", "scale", "levels")
LOOPS: Mapping[str, Callable[..., ir.Value]] = {"unrolled": unroll, "loop": append_loop}


def build_graph(
    pieces: TracedParts, tableau: SolverTableau, stages: Sequence[str] = STAGES, how: str = "unrolled"
) -> ir.Model:
    """Compose the graph of some consecutive stages, by default of all.

    Inputs are what the stages need and do not make, among them paths' ``noise``, float32 ``(B, S, P, C)``, and, with
    ``denoise``, what the solver ``draws`` on its way, if it does, ``(B, M, S, K, D)``. Outputs are what they make and
    later stages need, or the caller: ``samples`` float64 ``(B, S, K, C)`` and ``quantiles`` float64 ``(B, Q, K, C)``;
    beside them ``location`` and ``scale``, and ``levels``, samples before bounds, where there are bounds.

    Args:
        pieces: the traced stages.
        tableau: the solver.
        stages: some of ``STAGES`` or of ``STAGES_BY_STEP``, in order; ``step`` by itself.
        how: one of ``LOOPS``.
    """
    graph = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name="_".join(("sssd", *stages)))
    values: dict[str, ir.Value] = {}
    made: list[str] = []
    for stage in stages:
        for value in _inputs(pieces, tableau, stage):
            if value.name not in values:
                graph.inputs.append(value)
                values[str(value.name)] = value
        results = _append(graph, pieces, tableau, stage, values, how)
        made += results
        values |= results
    order: Sequence[str] = STAGES if stages[-1] in STAGES else STAGES_BY_STEP
    if pieces.head is None:
        order = STAGES_WITHOUT_HEAD
    later = order[order.index(stages[-1]) + 1 :]
    taken = (value.name for stage in later for value in _inputs(pieces, tableau, stage))
    wanted = {"output", *OUTPUTS, *_FOR_GIVEN, *taken}
    for name in made:
        if name in wanted:
            values[name].name = name
            graph.outputs.append(values[name])
    return ir.Model(graph, ir_version=10, producer_name="sssd_export")


def build_loop(head: ir.Model, broadcast_time: bool, tableau: SolverTableau, how: str = "unrolled") -> ir.Model:
    """The loop alone: ``condition (B, K, C), noise (B, num_noises, S, K, D) -> latents (B, S, K, D)``."""
    z, _, condition = head.graph.inputs
    inputs = [_like(condition), _float("noise", [WINDOWS, tableau.num_noises, SAMPLES, *list(z.shape or ())[2:]])]
    graph = ir.Graph(inputs, [], nodes=[], opset_imports={"": OPSET}, name="sssd_loop")
    latents = LOOPS[how](graph, head, tableau, *inputs, broadcast_time)
    latents.name, latents.type, latents.shape = "latents", inputs[1].type, latent_shape(inputs[1])
    graph.outputs.append(latents)
    return ir.Model(graph, ir_version=10, producer_name="sssd_export")


def _piece(pieces: TracedParts, stage: str) -> ir.Graph:
    made = {"normalise": pieces.normalise, "decode": pieces.decode}
    if pieces.head is not None:
        made["encode"] = pieces.head.encode
    return made[stage].graph


def _inputs(pieces: TracedParts, tableau: SolverTableau, stage: str) -> list[ir.Value]:
    """New values for what a stage takes."""
    if pieces.head is None or stage not in ("prepare", "step", "denoise"):
        return [_like(value) for value in _piece(pieces, stage).inputs]
    z, t, condition = pieces.head.model.graph.inputs
    if stage == "prepare":
        return [_like(condition)]
    if stage == "step":
        ready = [ir.Value(name=name, type=v.type, shape=v.shape) for name, v in prepared_values(pieces.head).items()]
        return [_like(z), _like(t), *ready]
    noise = _float("noise", [WINDOWS, SAMPLES, *pieces.paths])
    drawn = tableau.num_noises - 1
    latent = list(z.shape or ())[2:]
    return [_like(condition), noise, *([_float("draws", [WINDOWS, drawn, SAMPLES, *latent])] if drawn else [])]


def _like(value: ir.Value) -> ir.Value:
    return ir.Value(name=value.name, type=value.type, shape=value.shape)


def _float(name: str, shape: Sequence[Any]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))


def _append(
    graph: ir.Graph, pieces: TracedParts, tableau: SolverTableau, stage: str, values: Mapping[str, ir.Value], how: str
) -> dict[str, ir.Value]:
    """Append a stage's nodes; returns what it makes."""
    head = pieces.head
    if head is not None and stage == "denoise":
        noise = append_solver_noise(graph, head, values["noise"], values.get("draws"))
        latents = LOOPS[how](graph, head.model, tableau, values["condition"], noise, head.broadcast_time)
        latents.type, latents.shape = noise.type, latent_shape(noise)
        return {"latents": latents}
    if head is not None and stage == "prepare":
        return append_prepare(graph, head, values["condition"])
    if head is not None and stage == "step":
        return {"output": append_step(graph, head, values)}
    source = _piece(pieces, stage)
    known = Inliner(source, graph, stage).copy(source, {value: values[str(value.name)] for value in source.inputs})
    return {str(value.name): known[value] for value in source.outputs}
