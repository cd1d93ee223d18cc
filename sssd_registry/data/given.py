"""Values that are given of the future, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.target_bounds import UNBOUNDED
from sssd_registry.errors import SSSDError, near_matches

Array = npt.NDArray[np.float64]


def given_values(given: Any, spec: DataSpec, windows: int, horizons: int) -> Array | None:
    """Values that are known of the future as an array, float64 ``(B, K, C)``, NaN where nothing is.

    Raises:
        SSSDError: a name that is no target, numbers that are not one for each horizon, infinite ones, or ones that
            are outside of their target's bounds.
    """
    if given is None:
        return None
    shape = (windows, horizons, len(spec.targets))
    known = np.full(shape, np.nan)
    parts = given.items() if isinstance(given, Mapping) else [(None, given)]
    for name, numbers in parts:
        if name is not None and name not in spec.targets:
            raise SSSDError(f"given: {name!r} is no target; {near_matches(name, spec.targets)}")
        values = np.asarray(numbers, dtype=np.float64)
        wanted = shape if name is None else shape[:2]
        if values.shape not in (wanted, wanted[1:]) or np.isinf(values).any():
            which = "" if name is None else f"{name!r} "
            raise SSSDError(
                f"given: {which}has to be finite numbers, or NaN, of shape {wanted} (windows, horizons), got shape"
                f" {values.shape}"
            )
        if name is None:
            known[:] = values
        else:
            known[..., spec.targets.index(name)] = values
    _check_range(known, spec)
    return known


def _check_range(values: Array, spec: DataSpec) -> None:
    """Refuse values of the future ``(B, K, C)``, NaN where nothing is given, that no sample can have.

    Raises:
        SSSDError: names the first.
    """
    price = spec.target_kind == "price"
    for target, name in enumerate(spec.targets):
        ends = spec.bounds[target] if spec.bounds else UNBOUNDED
        low, high = (sign * np.inf if end is None else end for sign, end in zip((-1, 1), ends, strict=True))
        cells = values[..., target]
        wrong = cells[(cells < low) | (cells > high) | (price & (cells <= 0))]
        if len(wrong):
            allowed = "above 0" if price else f"{low:g} to {high:g}"
            raise SSSDError(f"given: {name!r} is {wrong[0]:g}, and its bounds are {allowed}")
