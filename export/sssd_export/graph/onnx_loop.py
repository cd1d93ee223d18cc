"""The sampling loop as one ONNX ``Loop`` over tables of the solver's coefficients and the time steps' constants.

The head's nodes are there once, whatever the number of steps: small files and short builds, for large heads. A term
that some call has and another has not is there for all, with a weight of zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from sssd_export.graph.head_partition import place_head, time_constants
from sssd_export.graph.inline import constant
from sssd_export.graph.solver_nodes import SolverNodes, latent_shape
from sssd_registry.sampling.tableau import SolverTableau, Update

_FLOAT = ir.TensorType(ir.DataType.FLOAT)


def append_loop(
    graph: ir.Graph,
    head: ir.Model,
    tableau: SolverTableau,
    condition: ir.Value,
    noise: ir.Value,
    broadcast_time: bool,
) -> ir.Value:
    """Append the loop to ``graph``; returns the latents ``(B, S, K, D)``."""
    z, t, _ = head.graph.inputs
    placed = place_head(graph, head.graph, condition, broadcast_time)
    before = SolverNodes(graph, noise)
    start = before.combine(tableau.updates[0], [], [], "x0")

    body, call, (states, earlier) = _body(tableau, noise)
    solver = SolverNodes(body, noise, outer=graph)
    values = {**placed.once, z: states[0]}
    if not broadcast_time:
        times = solver.number("timesteps", tableau.timesteps.astype(np.float32))
        values[t] = solver.expanded(solver.node("Gather", [times, call], "t.value"), "t")
    folded = time_constants(head, placed.parts, tableau.timesteps.tolist())
    for value in folded[0]:
        table = constant(graph, f"head.{value.name}.steps", ir.tensor(np.stack([step[value] for step in folded])))
        values[value] = solver.node("Gather", [table, call], f"{value.name}.step")
    known = placed.inliner.copy(placed.parts.step, values, into=body)
    outputs = [known[head.graph.outputs[0]], *earlier]
    state = _combine(solver, tableau.updates[1:], states, outputs, call)
    _carry(solver, body, [state, *states[:-1], *outputs[: len(earlier)]])

    zero = before.node("Mul", [start, before.number("zero", np.float32(0))], "nothing")
    carried = [start, *[zero] * (len(states) + len(earlier) - 1)]
    again, trips = before.number("again", np.bool_(True)), before.number("calls", np.int64(tableau.num_calls))
    node = ir.node("Loop", [trips, again, *carried], {"body": body}, num_outputs=len(carried), name="solver.loop")
    for index, value in enumerate(node.outputs):
        value.name, value.type, value.shape = f"solver.loop{index}", _FLOAT, latent_shape(noise)
    graph.append(node)
    return node.outputs[0]


def _memory(updates: Sequence[Update], source: str) -> int:
    return max((term.index + 1 for update in updates for term in update if term.source == source), default=1)


def _body(tableau: SolverTableau, noise: ir.Value) -> tuple[ir.Graph, ir.Value, tuple[list[ir.Value], list[ir.Value]]]:
    """The body's graph with its inputs: the call's number, the last states, and all of the last outputs but one."""
    shape = latent_shape(noise)
    call = ir.Value(name="solver.call", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([]))
    goes_on = ir.Value(name="solver.goes_on", type=ir.TensorType(ir.DataType.BOOL), shape=ir.Shape([]))
    updates = tableau.updates[1:]
    states, earlier = (
        [ir.Value(name=f"solver.{source}{index}", type=_FLOAT, shape=shape) for index in range(first, count)]
        for source, first, count in (
            ("state", 0, _memory(updates, "state")),
            ("output", 1, _memory(updates, "output")),
        )
    )
    body = ir.Graph([call, goes_on, *states, *earlier], [], nodes=[], name="sssd_step")
    return body, call, (states, earlier)


def _combine(
    solver: SolverNodes,
    updates: Sequence[Update],
    states: Sequence[ir.Value],
    outputs: Sequence[ir.Value],
    call: ir.Value,
) -> ir.Value:
    """The update of the call, by weights from tables."""
    sources = {"state": states, "output": outputs}
    weights = {(term.source, term.index): np.zeros(len(updates), np.float32)
               for update in updates for term in update if term.source != "noise"}  # fmt: skip
    draws = max(sum(term.source == "noise" for term in update) for update in updates)
    which, sizes = np.zeros((draws, len(updates)), np.int64), np.zeros((draws, len(updates)), np.float32)
    for row, update in enumerate(updates):
        drawn = 0
        for term in update:
            if term.source == "noise":
                which[drawn, row], sizes[drawn, row] = term.index, term.weight
                drawn += 1
            else:
                weights[term.source, term.index][row] = term.weight

    def current(table: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str) -> ir.Value:
        return solver.node("Gather", [solver.number(f"{name}.table", table), call], name)

    terms: list[tuple[ir.Value | None, ir.Value]] = [
        (current(table, f"weight.{source}{index}"), sources[source][index])
        for (source, index), table in sorted(weights.items())
    ]
    for draw in range(draws):
        index = current(which[draw], f"draw{draw}.index")
        noise = solver.node("Gather", [solver.noise, index], f"draw{draw}", {"axis": 1})
        terms.append((current(sizes[draw], f"draw{draw}.weight"), noise))
    return solver.weighted_sum(terms, "x")


def _carry(solver: SolverNodes, body: ir.Graph, values: Sequence[ir.Value]) -> None:
    """Add what goes on to the next call to the body's outputs: each a value of its own, as they have to be."""
    again = solver.node("Identity", [body.inputs[1]], "again.next")
    again.type, again.shape = ir.TensorType(ir.DataType.BOOL), ir.Shape([])
    body.outputs.append(again)
    for index, value in enumerate(values):
        output = solver.node("Identity", [value], f"next{index}")
        output.type, output.shape = _FLOAT, body.inputs[2].shape
        body.outputs.append(output)
