"""One network call, repeated as a solver's tableau says: the loop of an engine that was built with ``--loop step``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sssd_engine.part import Array, Part, Values


class SolverLoop:
    """A head's single call, repeated as a tableau says; the loop is here and not in a graph.

    Args:
        step: takes ``z``, ``t`` and what was prepared, gives ``output``.
        solver: ``timesteps`` and ``updates`` of the tableau, whether ``t`` is one number or one for each sample, how
            many rows and columns of paths' noise sampling begins with, and the shape ``(K, D)`` of the head's latents.
    """

    def __init__(self, step: Part, solver: Mapping[str, Any]) -> None:
        self.step, self.solver = step, solver
        self.draws = any(source == "noise" and index for update in solver["updates"] for source, index, _ in update)
        self.prepared = tuple(name for name in step.inputs if name not in ("z", "t"))
        self.inputs = ("noise", *(["draws"] if self.draws else []), *self.prepared)

    def __call__(self, feed: Values) -> dict[str, Array]:
        ready = {name: feed[name] for name in self.prepared}
        rows, columns = self.solver["leading"]
        sizes = feed["noise"].shape[:2]
        noise = [feed["noise"][:, :, :rows, :columns].reshape(*sizes, *self.solver["latent"])]
        if self.draws:
            noise += list(feed["draws"].swapaxes(0, 1))
        takes_time = "t" in self.step.inputs
        shape = (1, 1) if self.solver["one_time"] else sizes
        sources: dict[str, Any] = {"state": [], "output": [], "noise": noise}
        first, *updates = self.solver["updates"]
        state = _combine(first, sources)
        for timestep, update in zip(self.solver["timesteps"], updates, strict=True):
            values = {**ready, "z": state}
            if takes_time:
                values["t"] = np.full(shape, timestep, dtype=np.float32)
            output = self.step(values)["output"]
            sources["state"] = [state, *sources["state"]][: self.solver["memory"]]
            sources["output"] = [output, *sources["output"]][: self.solver["memory"]]
            state = _combine(update, sources)
        return {"latents": state}


def _combine(update: Any, sources: Mapping[str, Any]) -> Array:
    """The weighted sum that an update, ``[[source, index, weight], …]``, is."""
    (source, index, weight), *rest = update
    total: Array = sources[source][index] * np.float32(weight)
    for source, index, weight in rest:
        total += sources[source][index] * np.float32(weight)
    return total
