"""Bounds of targets, and targets that are whole numbers: as a user gives them, and what in the data is outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.config import Bounds, DataConfig
from sssd_registry.errors import SSSDError, near_matches

UNBOUNDED: Bounds = (None, None)
# From this number on floats are whole, and counts are no longer exact.
_LARGEST_COUNT = 2.0**53


def target_bounds(config: DataConfig, targets: Sequence[str]) -> tuple[Bounds, ...]:
    """Least and largest value of each of the C targets, None where there is no end; ``()`` where none has any.

    Raises:
        SSSDError: a column that is no target, or bounds of log-returns.
    """
    given = config.bounds
    if given is None:
        return ()
    if isinstance(given, dict):
        _check_names("data.bounds", list(given), targets)
        bounds = tuple(given.get(name, UNBOUNDED) for name in targets)
    else:
        bounds = (given,) * len(targets)
    if all(one == UNBOUNDED for one in bounds):
        return ()
    _check_levels("data.bounds", config)
    return bounds


def whole_targets(config: DataConfig, targets: Sequence[str], bounds: Sequence[Bounds]) -> tuple[str, ...]:
    """Those of the targets that are whole numbers.

    Raises:
        SSSDError: a column that is no target, log-returns, or bounds between two whole numbers.
    """
    given = config.integers
    if isinstance(given, bool):
        names = tuple(targets) if given else ()
    else:
        _check_names("data.integers", given, targets)
        names = tuple(name for name in targets if name in given)
    if names:
        _check_levels("data.integers", config)
    for name, ends in zip(targets, bounds, strict=bool(bounds)):
        wrong = [end for end in ends if end is not None and not end.is_integer()]
        if name in names and wrong:
            raise SSSDError(f"data.bounds: {name!r} has data.integers, and its bound {wrong[0]:g} is no whole number")
    return names


def _check_names(setting: str, names: Sequence[str], targets: Sequence[str]) -> None:
    for name in names:
        if name not in targets:
            raise SSSDError(f"{setting}: {name!r} is not among the targets: {near_matches(name, targets)}")


def _check_levels(setting: str, config: DataConfig) -> None:
    if config.target_kind == "log-return":
        raise SSSDError(
            f"{setting} is of levels, and data.target_kind=log-return forecasts none: --set data.target_kind=price"
        )


def check_targets(
    values: npt.NDArray[np.float64],
    looked_at: npt.NDArray[np.bool_],
    targets: Sequence[tuple[int, str, Bounds, bool]],
    place: Callable[[int, int], str],
) -> None:
    """Refuse values outside of their bounds, and counts that are no whole numbers.

    Args:
        values: float64 ``(rows, V)``; what is missing is neither.
        looked_at: ``(rows,)``, which of them count.
        targets: column, name, bounds, and whether it is a whole number.
        place: ``(row, column) -> text``, where a value stands.

    Raises:
        SSSDError: names the first, and what to do.
    """
    for column, name, (low, high), whole in targets:
        cells = values[:, column]
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        with np.errstate(invalid="ignore"):
            below, above = cells < low, cells > high
            broken = whole & np.isfinite(cells) & ((cells != np.rint(cells)) | (np.abs(cells) >= _LARGEST_COUNT))
        for wrong, what, remedy in (
            (below, f"is below {low:g}, the bound of {name!r}", "correct it, or train with wider data.bounds"),
            (above, f"is above {high:g}, the bound of {name!r}", "correct it, or train with wider data.bounds"),
            (broken, "is no whole number", "correct it, or train without data.integers"),
        ):
            rows = np.flatnonzero(wrong & looked_at)
            if len(rows):
                raise SSSDError(f"{place(int(rows[0]), column)}: {cells[rows[0]]:.15g} {what}: {remedy}")
