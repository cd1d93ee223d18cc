"""Timing contenders against one another: alternating rounds in one run, so that a slow moment hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import Any

# torch's and onnxruntime's threads spin for a while after their last work; on few cores they would be timed
# against one another's waiting, which a program that runs only one of them never sees.
_SETTLE = 0.25
_REPEATS = 3
_WARM_UP, _TIMED = 50.0, 200.0  # milliseconds


def one_round(contenders: Mapping[str, Callable[[], Any]], repeats: int = _REPEATS) -> dict[str, float]:
    """Time every contender in turn: milliseconds, the median.

    Each waits until the others' threads are parked, and runs untimed until caches and threads are its own. Then it is
    timed ``repeats`` times, or more often if that takes no time.
    """
    taken = {}
    for name, contender in contenders.items():
        time.sleep(_SETTLE)
        _spend(_WARM_UP, contender)
        taken[name] = median(_spend(_TIMED, contender, repeats))
    return taken


def _spend(milliseconds: float, contender: Callable[[], Any], least: int = 1) -> list[float]:
    """Time calls, in milliseconds: as many as fill ``milliseconds``, and at least ``least``."""
    times: list[float] = []
    while len(times) < least or sum(times) < milliseconds:
        begun = time.perf_counter()
        contender()
        times.append(1e3 * (time.perf_counter() - begun))
    return times


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Median of each contender over the rounds."""
    return {name: median(taken[name] for taken in rounds) for name in rounds[0]}


def ratio(rounds: list[dict[str, float]], slow: str, fast: str) -> float:
    """Median over rounds of how many times longer ``slow`` took than ``fast`` in the same round."""
    return median(taken[slow] / taken[fast] for taken in rounds)


def spread(rounds: list[dict[str, float]], slow: str, fast: str) -> dict[str, float]:
    """Return that ratio, and its quartiles: between them lies the middle half of the rounds."""
    each = [taken[slow] / taken[fast] for taken in rounds]
    lower, middle, upper = quantiles(each, n=4, method="inclusive")
    return {"ratio": round(middle, 2), "lower": round(lower, 2), "upper": round(upper, 2)}
