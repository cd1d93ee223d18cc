"""Functionals of sample paths: their mean, range and the like, and when they first reach a level.

A functional is one number for each path. Its distribution is that of the numbers of S sample paths; no quantiles of
single horizons tell it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError, some

Array = npt.NDArray[np.float64]

# The horizons, ascending, are the last axis but one: paths (B, S, K, C), and what came to be (B, K, C), go in alike.
_HORIZONS = -2


def _last_first(paths: Array) -> Array:
    result: Array = paths[..., -1, :] - paths[..., 0, :]
    return result


FUNCTIONALS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda paths: paths.mean(axis=_HORIZONS),
    "sum": lambda paths: paths.sum(axis=_HORIZONS),
    "max": lambda paths: paths.max(axis=_HORIZONS),
    "min": lambda paths: paths.min(axis=_HORIZONS),
    "range": lambda paths: np.ptp(paths, axis=_HORIZONS),
    "last-first": _last_first,
}


def apply_functional(of: str | Callable[[Array], npt.ArrayLike], paths: Array) -> Array:
    """One number for each path and target.

    Args:
        of: a name in :data:`FUNCTIONALS`, or a function of ``paths`` that returns ``(B, S, C)``, or ``(B, S)`` where
            it puts the targets together.
        paths: float64 ``(B, S, K, C)``, horizons ascending.

    Returns:
        float64 ``(B, S, C)``, or ``(B, S, 1)`` where ``of`` returned ``(B, S)``.

    Raises:
        SSSDError: an unknown name.
        ValueError: a function that returned another shape.
    """
    if isinstance(of, str):
        if of not in FUNCTIONALS:
            raise SSSDError(f"no functional {of!r}: give {some(list(FUNCTIONALS), len(FUNCTIONALS))}, or a function")
        return FUNCTIONALS[of](paths)
    values = np.asarray(of(paths), dtype=np.float64)
    windows, samples, _, targets = paths.shape
    if values.shape not in ((windows, samples), (windows, samples, targets)):
        raise ValueError(
            f"the functional returned shape {values.shape} for paths {paths.shape}: expected one number for each path,"
            f" {(windows, samples, targets)}, or {(windows, samples)}"
        )
    return values.reshape(windows, samples, -1)


@dataclass(frozen=True, eq=False)
class FirstPassage:
    """Passage times: when S paths of C targets from B origins first reach a level, as far as their K horizons show.

    Attributes:
        horizons: K, ascending, bars.
        samples: float64 ``(B, S, C)``, the horizon at which each path does, in bars; infinite where it never does.
    """

    horizons: tuple[float, ...]
    samples: Array

    @property
    def never(self) -> Array:
        """Probability that the level is not reached at any of the horizons, ``(B, C)``."""
        result: Array = np.isinf(self.samples).mean(axis=1)
        return result

    @property
    def probability(self) -> Array:
        """Probability that the level is first reached at each horizon, ``(B, K, C)``; with ``never`` it sums to 1."""
        at = np.asarray(self.horizons)[:, None]
        result: Array = (self.samples[:, :, None] == at).mean(axis=1)
        return result

    @property
    def by_horizon(self) -> Array:
        """Probability that the level has been reached by each horizon, ``(B, K, C)``."""
        result: Array = self.probability.cumsum(axis=1)
        return result


def first_passage(
    paths: Array, horizons: tuple[float, ...], level: npt.ArrayLike, *, falling: bool = False
) -> FirstPassage:
    """The first horizon at which each path is at ``level`` or above it.

    Args:
        paths: float64 ``(B, S, K, C)``, horizons ascending.
        horizons: K, ascending.
        level: data units; one number, or what broadcasts to ``(B, C)``.
        falling: at ``level`` or below it, instead.
    """
    windows, _, _, targets = paths.shape
    bound = np.broadcast_to(np.asarray(level, dtype=np.float64), (windows, targets))[:, None, None]
    there = paths <= bound if falling else paths >= bound  # (B, S, K, C)
    first = np.asarray(horizons, dtype=np.float64)[there.argmax(axis=2)]
    return FirstPassage(horizons, np.where(there.any(axis=2), first, np.inf))
