"""The sampling loop unrolled: the head's nodes once for each call, over one set of weights.

The head was traced once. What the scheduler does is the tableau's numbers: no scheduler is known by name here.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import onnx_ir as ir

from sssd_export.graph.fold_projections import Array, FoldedHead, fold_projections
from sssd_export.graph.head_partition import place_head, time_constants
from sssd_export.graph.inline import constant
from sssd_export.graph.solver_nodes import SolverNodes
from sssd_registry.sampling.tableau import SolverTableau


def unroll(
    graph: ir.Graph,
    head: ir.Model,
    tableau: SolverTableau,
    condition: ir.Value,
    noise: ir.Value,
    broadcast_time: bool,
) -> ir.Value:
    """Append the whole loop to ``graph``; returns the latents ``(B, S, K, D)``."""
    solver = SolverNodes(graph, noise)
    folded = fold_projections(head, tableau)
    space: _Space = _Latents(solver, head, tableau) if folded is None else _Hidden(solver, folded, tableau)
    head = space.head
    t = head.graph.inputs[1]
    placed = place_head(graph, head.graph, condition, broadcast_time)
    constants = time_constants(head, placed.parts, tableau.timesteps.tolist())
    states: list[ir.Value | None] = []
    outputs: list[ir.Value] = []
    state = space.update(0, states, outputs)
    for call, timestep in enumerate(tableau.timesteps):
        values = {**placed.once, **space.inputs(call, state)}
        if not broadcast_time:
            values[t] = solver.expanded(solver.number(f"t{call}.value", np.float32(timestep)), f"t{call}")
        for value, array in constants[call].items():
            values[value] = constant(graph, f"head.{value.name}.step{call}", ir.tensor(array))
        known = placed.inliner.copy(placed.parts.step, values, suffix=f".step{call}")
        states.insert(0, state)
        outputs.insert(0, known[head.graph.outputs[0]])
        state = space.update(call + 1, states, outputs)
    return space.result(state)


class _Space(Protocol):
    """Space in which the solver's states and the head's outputs are; a state of None is 0."""

    head: ir.Model

    def update(self, row: int, states: list[ir.Value | None], outputs: list[ir.Value]) -> ir.Value | None: ...

    def inputs(self, call: int, state: ir.Value | None, /) -> dict[ir.Value, ir.Value]: ...

    def result(self, state: ir.Value | None) -> ir.Value: ...


class _Latents:
    """The latents' own."""

    def __init__(self, solver: SolverNodes, head: ir.Model, tableau: SolverTableau) -> None:
        self.solver, self.head, self.tableau = solver, head, tableau

    def update(self, row: int, states: list[ir.Value | None], outputs: list[ir.Value]) -> ir.Value | None:
        return self.solver.combine(self.tableau.updates[row], states, outputs, f"x{row}")

    def inputs(self, _call: int, state: ir.Value | None, /) -> dict[ir.Value, ir.Value]:
        assert state is not None
        return {self.head.graph.inputs[0]: state}

    def result(self, state: ir.Value | None) -> ir.Value:
        assert state is not None
        return state


class _Hidden:
    """Space of a folded head's hidden layer, see :mod:`sssd_export.graph.fold_projections`."""

    def __init__(self, solver: SolverNodes, folded: FoldedHead, tableau: SolverTableau) -> None:
        self.solver, self.folded, self.tableau, self.head = solver, folded, tableau, folded.model
        self.noise = solver.draw(0)
        self.entered = self._product(self.noise, "enter", folded.enter)

    def update(self, row: int, states: list[ir.Value | None], outputs: list[ir.Value]) -> ir.Value | None:
        kept = tuple(
            term
            for term in self.tableau.updates[row]
            if term.source == "output" or (term.source == "state" and states[term.index] is not None)
        )
        return self.solver.combine(kept, states, outputs, f"h{row}") if kept else None

    def inputs(self, call: int, state: ir.Value | None, /) -> dict[ir.Value, ir.Value]:
        y, _, _, shift = self.head.graph.inputs
        row = self.tableau.coefficients[call]
        turned = None if state is None else self._product(state, f"turn{call}", self.folded.turn, "turn")
        moved = ir.tensor((row[1:].sum() * self.folded.shift).astype(np.float32))
        return {
            y: self._from_noise(call, self.entered, turned, f"y{call}"),
            shift: constant(self.solver.graph, f"head.shift{call}", moved),
        }

    def result(self, state: ir.Value | None) -> ir.Value:
        last = self.tableau.num_calls
        left = None if state is None else self._product(state, "leave", self.folded.leave)
        made = self._from_noise(last, self.noise, left, "latents")
        bias = (self.tableau.coefficients[last, 1:].sum() * self.folded.bias).astype(np.float32)
        return self.solver.node("Add", [made, self.solver.number("bias", bias)], "result")

    def _from_noise(self, row: int, noise: ir.Value, rest: ir.Value | None, name: str) -> ir.Value:
        weight = self.solver.number(f"{name}.weight", np.float32(self.tableau.coefficients[row, 0]))
        terms: list[tuple[ir.Value | None, ir.Value]] = [(weight, noise)]
        return self.solver.weighted_sum(terms if rest is None else [*terms, (None, rest)], name)

    def _product(self, value: ir.Value, name: str, matrix: Array, weight: str = "") -> ir.Value:
        """Multiply, under a name of the head's: where its products change their precision, this one does."""
        graph, key = self.solver.graph, f"head.{weight or name}.weight"
        known = graph.initializers.get(key) or constant(graph, key, ir.tensor(matrix))
        node = ir.node("MatMul", [value, known], name=f"head.{name}")
        node.outputs[0].name = f"head.{name}"
        graph.append(node)
        return node.outputs[0]
