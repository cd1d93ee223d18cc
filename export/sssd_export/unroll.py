"""The sampling loop unrolled: the head's nodes once for each call, over one set of weights.

The head was traced once. What the scheduler does is the tableau's numbers: no scheduler is known by name here.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from sssd_export.inline import constant
from sssd_export.partial import place_head, time_constants
from sssd_export.solver_nodes import SolverNodes
from sssd_registry.tableau import SolverTableau


def unroll(
    graph: ir.Graph,
    head: ir.Model,
    tableau: SolverTableau,
    condition: ir.Value,
    noise: ir.Value,
    broadcast_time: bool,
) -> ir.Value:
    """Append the whole loop to ``graph``; returns the latents ``(B, S, K, D)``."""
    z, t, _ = head.graph.inputs
    placed = place_head(graph, head.graph, condition, broadcast_time)
    folded = time_constants(head, placed.parts, tableau.timesteps.tolist())
    solver = SolverNodes(graph, noise)
    states: list[ir.Value] = []
    outputs: list[ir.Value] = []
    state = solver.combine(tableau.updates[0], states, outputs, "x0")
    for call, timestep in enumerate(tableau.timesteps):
        values = {**placed.once, z: state}
        if not broadcast_time:
            values[t] = solver.expanded(solver.number(f"t{call}.value", np.float32(timestep)), f"t{call}")
        for value, array in folded[call].items():
            values[value] = constant(graph, f"head.{value.name}.step{call}", ir.tensor(array))
        known = placed.inliner.copy(placed.parts.step, values, suffix=f".step{call}")
        states.insert(0, state)
        outputs.insert(0, known[head.graph.outputs[0]])
        state = solver.combine(tableau.updates[call + 1], states, outputs, f"x{call + 1}")
    return state
