"""Train, validation and test by time: what is trained on is over before what is validated on begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins, all_origins
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import WindowSource
from sssd_registry.errors import SSSDError


@dataclass(frozen=True)
class Split:
    """Origins of each part, in the order of time.

    Attributes:
        train: the farthest target's bar starts before ``validation_start``.
        validation: origin at or after ``validation_start``, farthest target's bar before ``test_start``.
        test: origin at or after ``test_start``.
        validation_start: seconds since 1970 UTC.
        test_start: seconds since 1970 UTC; after the last bar when ``test_fraction`` is 0.
    """

    train: Origins
    validation: Origins
    test: Origins
    validation_start: int
    test_start: int


def split_origins(source: WindowSource, spec: DataSpec, horizons: Sequence[int]) -> Split:
    """Split all origins that have bars up to the farthest of ``horizons`` after them, by the fractions of ``spec``.

    Raises:
        SSSDError: the data are too short for any origin, or train or validation would be empty.
    """
    return split_at(source, spec, horizons, *_boundaries(source, spec))


def split_at(
    source: WindowSource, spec: DataSpec, horizons: Sequence[int], validation_start: int, test_start: int
) -> Split:
    """The same at given times, in seconds since 1970 UTC: of a model that is already there."""
    farthest = max(horizons)
    origins = all_origins(source, max_horizon=farthest)
    starts = source.base.starts
    rows = source.offsets[origins.series] + origins.row
    origin, target = starts[rows], starts[rows + farthest]
    split = Split(
        train=origins.take(target < validation_start),
        validation=origins.take((origin >= validation_start) & (target < test_start)),
        test=origins.take(origin >= test_start),
        validation_start=validation_start,
        test_start=test_start,
    )
    for name, part in (("training", split.train), ("validation", split.validation)):
        if not len(part):
            raise SSSDError(_empty(name, len(origins), spec, farthest))
    return split


def origins_from(source: WindowSource, start: int | None, max_horizon: int) -> Origins:
    """Origins at or after ``start`` (seconds since 1970 UTC; None: all) with ``max_horizon`` bars after them.

    Raises:
        SSSDError: there is none.
    """
    origins = all_origins(source, max_horizon=max_horizon)
    if start is None:
        return origins
    starts = source.base.starts
    late = starts[source.offsets[origins.series] + origins.row] >= start
    if not late.any():
        raise SSSDError(
            f"no forecast origin at or after {np.datetime64(start, 's')} UTC with {max_horizon} bars after"
            " it; bring later rows, or ask for shorter horizons"
        )
    return origins.take(late)


def origins_between(source: WindowSource, start: int, end: int, max_horizon: int) -> Origins:
    """Origins at or after ``start`` whose farthest target's bar starts before ``end`` (seconds since 1970 UTC).

    Raises:
        SSSDError: there is none.
    """
    origins = origins_from(source, start, max_horizon)
    rows = source.offsets[origins.series] + origins.row
    inside = source.base.starts[rows + max_horizon] < end
    if not inside.any():
        first, last = np.datetime64(start, "s"), np.datetime64(end, "s")
        raise SSSDError(f"no forecast origin from {first} to {last} UTC with {max_horizon} bars after it")
    return origins.take(inside)


def _boundaries(source: WindowSource, spec: DataSpec) -> tuple[int, int]:
    times: npt.NDArray[np.int64] = np.sort(source.base.starts)
    if not len(times):
        return 0, 0  # all_origins says what is wrong

    def at(fraction: float) -> int:
        row = round((1 - fraction) * len(times))
        return int(times[row]) if row < len(times) else int(times[-1]) + spec.bar_seconds

    return at(spec.validation_fraction + spec.test_fraction), at(spec.test_fraction)


def _empty(part: str, origins: int, spec: DataSpec, farthest: int) -> str:
    lookback = f"{spec.base.lookback} bars of {spec.base.name}"
    return (
        f"nothing is left for {part}: {origins} forecast origins, lookback {lookback}, farthest horizon"
        f" {farthest} bars, validation_fraction {spec.validation_fraction:g},"
        f" test_fraction {spec.test_fraction:g};"
        " shrink data.timeframes or horizons, change the fractions, or bring more rows"
    )
