"""Checks of what an engine is given of the future. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sssd_engine.conditioning import target_ends
from sssd_engine.manifest import EngineError

# Values at the K horizons by target, or of all targets, (B, K, C) or (K, C); NaN where nothing is given.
Given: TypeAlias = "Mapping[str, npt.ArrayLike] | npt.ArrayLike"


def given_values(given: Given, manifest: Mapping[str, Any], windows: int) -> npt.NDArray[np.float64]:
    """Values that are known of the future, float64 ``(B, K, C)``, NaN where nothing is.

    Raises:
        EngineError: a name that is no target, numbers that are not one for each horizon, infinite ones, or ones that
            the model's targets cannot have.
    """
    spec = manifest["spec"]
    targets, horizons = list(spec["targets"]), manifest["horizons"]
    shape = (windows, len(horizons), len(targets))
    known = np.full(shape, np.nan)
    for name, numbers in given.items() if isinstance(given, Mapping) else [(None, given)]:
        if name is not None and name not in targets:
            raise EngineError(f"given: {name!r} is no target; the engine's are {', '.join(targets)}")
        wanted, which = (shape, "") if name is None else (shape[:2], f"{name!r} ")
        values = _numbers(numbers, which)
        if values.shape not in (wanted, wanted[1:]) or np.isinf(values).any():
            raise EngineError(
                f"given: {which}has to be finite numbers, or NaN, of shape {wanted}"
                f" ({'windows, horizons' if name else 'windows, horizons, targets'}), got shape {values.shape};"
                f" the engine's horizons are {', '.join(map(str, horizons[:12]))}{', …' * (len(horizons) > 12)}"
            )
        if name is None:
            known[:] = values
        else:
            known[..., targets.index(name)] = values
    _check_range(known, spec)
    return known


def _numbers(given: Any, which: str) -> npt.NDArray[np.float64]:
    try:
        return np.asarray(given, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise EngineError(f"given: {which}has to be an array of numbers: {error}") from None


def _check_range(known: npt.NDArray[np.float64], spec: Mapping[str, Any]) -> None:
    """Refuse values that no sample of the model can have."""
    low, high = target_ends(spec)
    if spec.get("target_kind") == "price":
        low = np.where(low > 0, low, np.nextafter(0, 1))
    wrong = np.argwhere((known < low) | (known > high))
    if len(wrong):
        window, at, target = map(int, wrong[0])
        ends = "above 0" if spec.get("target_kind") == "price" else f"{low[target]:g} to {high[target]:g}"
        raise EngineError(
            f"given: {spec['targets'][target]!r} is {known[window, at, target]:g}, and its bounds are {ends}"
        )
