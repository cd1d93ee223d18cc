"""Checks of the table of a loop that is run outside of the graph. Runtime half: the standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sssd_engine.fields import COUNT, FLAG, NUMBER, Kind, each, whole

_SOURCES = ("state", "output", "noise")


def _is_term(value: Any) -> bool:
    """``[source, index, weight]``."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and value[0] in _SOURCES
        and whole(0, 1_000_000).holds(value[1])
        and NUMBER.holds(value[2])
    )


_UPDATE = each(Kind("a list of a source, an index and a weight", _is_term), 1, 1_000)
SOLVER_FIELDS = {
    "one_time": FLAG,
    "leading": each(COUNT, 2, 2),
    "latent": each(COUNT, 2, 2),
    "memory": whole(1, 1_000),
    "timesteps": each(NUMBER, 1, 1_000_000),
    "updates": each(_UPDATE, 2, 1_000_001),
}


def solver_faults(solver: Mapping[str, Any], noises: int, paths: tuple[int, int]) -> Iterator[str]:
    """Updates that reach for what is not there: a state before the first, an output that was forgotten, a draw.

    Args:
        solver: the table.
        noises: what paths begin with, and the draws.
        paths: rows and columns of paths' noise.
    """
    rows, columns = solver["leading"]
    if rows > paths[0] or columns > paths[1] or rows * columns != math.prod(solver["latent"]):
        yield f"solver begins with {solver['leading']} of a path's noise of {list(paths)}, as {solver['latent']}"
    updates = solver["updates"]
    if len(updates) != len(solver["timesteps"]) + 1:
        yield f"solver has {len(updates)} updates for {len(solver['timesteps'])} time steps"
    for call, update in enumerate(updates):
        kept = min(call, solver["memory"])
        there = {"state": kept, "output": kept, "noise": noises}
        for source, index, _ in update:
            if index >= there[source]:
                yield f"solver's update {call} takes {source} {index}, and there are {there[source]}"
