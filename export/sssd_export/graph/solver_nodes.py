"""A solver's own arithmetic as ONNX nodes: weighted sums of states, outputs and noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from sssd_export.graph.inline import constant
from sssd_registry.sampling.tableau import Update


def latent_shape(noise: ir.Value) -> ir.Shape:
    """``(B, S, K, D)``, of noise ``(B, num_noises, S, K, D)``."""
    sizes = list(noise.shape or ())
    return ir.Shape(sizes[:1] + sizes[2:])


class SolverNodes:
    """Appends nodes to a graph, which may be the body of another, ``outer``, where constants and noise are."""

    def __init__(self, graph: ir.Graph, noise: ir.Value, outer: ir.Graph | None = None) -> None:
        self.graph, self.noise, self.outer = graph, noise, outer or graph
        self.draws: dict[int, ir.Value] = {}
        self.sizes: ir.Value | None = None

    def combine(
        self, update: Update, states: Sequence[ir.Value | None], outputs: Sequence[ir.Value], name: str
    ) -> ir.Value:
        """The weighted sum that ``update`` is; a state of None is 0."""
        terms: list[tuple[ir.Value | None, ir.Value]] = []
        for position, term in enumerate(update):
            value: ir.Value | None = None
            if term.source == "noise":
                value = self.draw(term.index)
            else:
                value = (states if term.source == "state" else outputs)[term.index]
            if value is None:
                continue
            weight = None
            if term.weight != 1.0:
                weight = self.number(f"{name}.weight{position}", np.float32(term.weight))
            terms.append((weight, value))
        return self.weighted_sum(terms, name)

    def weighted_sum(self, terms: Sequence[tuple[ir.Value | None, ir.Value]], name: str) -> ir.Value:
        """Sum of weight times value; None is 1."""
        total: ir.Value | None = None
        for position, (weight, value) in enumerate(terms):
            if weight is not None:
                value = self.node("Mul", [value, weight], f"{name}.term{position}")
            total = value if total is None else self.node("Add", [total, value], f"{name}.sum{position}")
        if total is None:
            raise ValueError(f"{name} has no terms")
        return total

    def expanded(self, time: ir.Value, name: str) -> ir.Value:
        """A time step for each sample, ``(B, S)``."""
        if self.sizes is None:
            windows_and_samples = self.number("windows_and_samples", np.array([0, 2], dtype=np.int64))
            shape = self.node("Shape", [self.noise], "noise.shape")
            self.sizes = self.node("Gather", [shape, windows_and_samples], "sizes")
        return self.node("Expand", [time, self.sizes], name)

    def number(self, name: str, numbers: Any) -> ir.Value:
        """A constant."""
        return constant(self.outer, f"solver.{name}", ir.tensor(np.array(numbers)))

    def node(
        self, op: str, inputs: Sequence[ir.Value], name: str, attributes: dict[str, Any] | None = None
    ) -> ir.Value:
        """A node of one output."""
        made = ir.node(op, list(inputs), attributes or {}, name=f"solver.{name}")
        made.outputs[0].name = f"solver.{name}"
        self.graph.append(made)
        return made.outputs[0]

    def draw(self, index: int) -> ir.Value:
        """Noise number ``index``, ``(B, S, K, D)``."""
        if index not in self.draws:
            which = self.number(f"noise{index}.index", np.int64(index))
            self.draws[index] = self.node("Gather", [self.noise, which], f"noise{index}", {"axis": 1})
        return self.draws[index]
