"""Samples of what is missing in series: forecasts of each hole, given what was observed before, in and after it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sssd_registry.data.origins import Origins
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.windows import WindowSource, windows_at
from sssd_registry.data.written_times import in_zone
from sssd_registry.errors import DataWarning, SSSDError
from sssd_registry.files.atomic import atomic_file
from sssd_registry.forecast import check_forecast_file
from sssd_registry.forecaster import GivenForecaster

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
# Windows of one batch.
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Imputed:
    """N missing values of a frame, by series, target and time.

    Attributes:
        series: object ``(N,)``, ids; ``""`` in a frame without.
        target: object ``(N,)``, their columns.
        times: int64 ``(N,)``, starts of their bars, seconds since 1970 UTC.
        samples: float64 ``(N, S)``, data units. Samples of the same number belong to one path.
        left: how many more are missing before the first full window of their series, and are not imputed.
        source: what they are missing in.
    """

    series: npt.NDArray[np.object_]
    target: npt.NDArray[np.object_]
    times: npt.NDArray[np.int64]
    samples: Array
    left: int
    source: WindowSource

    def to_frame(self, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
        """One row for each missing value: id (if there are ids), time, ``target``, ``mean``, and its quantiles."""
        import pandas as pd

        spec = self.source.spec
        columns: dict[str, object] = {spec.id: self.series} if spec.id else {}
        times = self.times.astype("datetime64[s]").astype("datetime64[ns]")
        columns |= {spec.time: in_zone(times, spec.written_zone), "target": self.target}
        columns["mean"] = self.samples.mean(axis=1)
        quantiles = np.quantile(self.samples, levels, axis=1) if len(self.samples) else np.empty((len(levels), 0))
        return pd.DataFrame(columns | {f"{level:g}": row for level, row in zip(levels, quantiles, strict=True)})


def impute(
    forecaster: GivenForecaster,
    data: Data | Panel,
    *,
    num_samples: int = 100,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> Imputed:
    """Impute every missing value that has a full window before it.

    A series is gone through in stretches of half the farthest horizon, or more where a hole is longer. Each is forecast
    from the window before it, given what was observed in it and after it, as far as that horizon. So a hole knows both
    of its ends. One that is longer than the farthest horizon is filled piece by piece, with a warning.

    Args:
        forecaster: a pipeline of such data, or an engine of every bar up to its farthest horizon.
        data: frame or file, with empty cells, or rows that are missing where ``data.gaps`` is so.
        num_samples: S.
        seed: the same seed gives the same samples.
        report: told stretches done and in all.

    Raises:
        SSSDError: unusable data, nothing is missing in them, or an engine that lacks a horizon.
    """
    source = read_windows(data, forecaster.spec)
    if source.spec.target_kind == "log-return":
        raise SSSDError("a model of log-returns since an origin imputes nothing: train with data.target_kind=price")
    if source.complete:
        raise SSSDError(f"{source.panel.source}: no value of {', '.join(source.spec.targets)} is missing")
    longest = max(source.spec.horizons)
    if (hole := _longest_hole(source)) > longest:
        warnings.warn(
            f"{source.panel.source}: a hole of {hole} bars is longer than the farthest horizon, {longest}: it is filled"
            " piece by piece, and paths jump from one piece to the next; train with longer data.horizons",
            DataWarning,
            stacklevel=2,
        )
    plans = [stretches(source, index, longest) for index in range(len(source.panel.series))]
    starts = [(index, row, first, last) for index, found in enumerate(plans) for row, first, last in found]
    cells, samples = [np.empty((0, 2), dtype=np.intp)], [np.empty((0, num_samples))]
    for begun in range(0, len(starts), _AT_ONCE):
        some = starts[begun : begun + _AT_ONCE]
        made = _stretch_samples(forecaster, source, some, longest, num_samples, seed + begun)
        for (index, row, first, last), paths in zip(some, made, strict=True):
            place = source.offsets[index] + row + first
            gone = np.argwhere(~source.observed[place : place + last - first + 1])  # (n, 2): bar, target
            cells.append(np.add(gone, (place, 0)))
            samples.append(paths[:, first - 1 + gone[:, 0], gone[:, 1]].T)  # (n, S)
        if report is not None:
            report(min(begun + _AT_ONCE, len(starts)), len(starts))
    rows, columns = np.concatenate(cells).T
    series = np.repeat(np.arange(len(source.lengths)), source.lengths)[rows]
    names = np.array([one.id for one in source.panel.series], dtype=object)
    targets = np.array(source.spec.targets, dtype=object)
    left = int((~source.observed).sum()) - len(rows)
    times = source.base.starts[rows]
    return Imputed(names[series], targets[columns], times, np.concatenate(samples), left, source)


def write_imputed(made: Imputed, path: str | Path) -> None:
    """Write :meth:`Imputed.to_frame` as CSV, Parquet or JSON, by the suffix; complete, or not at all.

    Raises:
        SSSDError: another suffix, or a file that cannot be written.
    """
    suffix = check_forecast_file(path)
    frame = made.to_frame()
    with atomic_file(path) as new:
        if suffix == ".csv":
            frame.to_csv(new, index=False)
        elif suffix == ".parquet":
            frame.to_parquet(new, index=False)
        else:
            frame.to_json(new, orient="records", date_format="iso")


def stretches(source: WindowSource, index: int, longest: int) -> list[tuple[int, int, int]]:
    """Origins in one series from which its missing values are forecast, each with the first and last bar to be taken.

    As many as ``longest`` bars come after an origin. Half of them are taken, or more: the others tell of what came
    after. Each begins with a missing bar and ends where as few holes as possible go on: paths of two stretches do not
    continue each other.
    """
    first, last = int(source.offsets[index]), int(source.offsets[index + 1])
    missing = ~source.observed[first:last]  # (n, C)
    gone, cut = np.asarray(missing.any(axis=1)), (missing[:-1] & missing[1:]).sum(axis=1)
    count = last - first
    ready = [row for row in range(count) if _ready(source, first + row)]
    if not ready or count - 1 - longest < ready[0]:
        return []
    found = []
    row, final = ready[0], count - 1 - longest
    while row < final and gone[row + 1 : final + 1].any():
        hole = row + int(gone[row + 1 :].argmax())  # the bar before the next missing one
        row = hole if _ready(source, first + hole) else row
        taken = _taken(cut[row : row + longest + 1])
        if gone[row + 1 : row + taken + 1].any() and _ready(source, first + row):
            found.append((row, 1, taken))
        row += taken
    if gone[final + 1 :].any() and _ready(source, first + final):
        found.append((final, max(1, row - final + 1), longest))
    return found


def _taken(cut: npt.NDArray[np.int64]) -> int:
    """Choose how many of the H bars after an origin to take: half or some more, all only where a hole asks for it.

    Args:
        cut: holes that go on after the origin and after each of these bars, ``(H + 1,)``.
    """
    longest = len(cut) - 1
    half = max(1, longest // 2)
    costs = cut[half:]
    near = costs[: longest - half // 2 - half + 1]
    return half + int(near.argmin() if near.min() <= costs.min() else costs.argmin())


def _longest_hole(source: WindowSource) -> int:
    """Bars of the longest hole of any series and target."""
    longest = 0
    for first, last in pairwise(source.offsets.tolist()):
        for column in source.observed[first:last].T:
            seen = np.flatnonzero(np.concatenate([column, [True]]))  # what is before the first one is no hole
            longest = max(longest, int(np.diff(seen).max(initial=1)) - 1)
    return longest


def _ready(source: WindowSource, place: int) -> bool:
    """Tell whether a window of every timeframe ends at a bar, with something observed in it."""
    if any(source.tables[one.name].count[place] < one.lookback for one in source.spec.timeframes):
        return False
    return bool(source.observed[place + 1 - source.spec.base.lookback : place + 1].any(axis=0).all())


def _stretch_samples(
    forecaster: GivenForecaster,
    source: WindowSource,
    some: list[tuple[int, int, int, int]],
    longest: int,
    count: int,
    seed: int,
) -> Array:
    """Paths of the ``longest`` bars after each origin, given what was observed of them: ``(B, S, H, C)``."""
    origins = Origins(np.array([one[0] for one in some]), np.array([one[1] for one in some]))
    rows = (source.offsets[origins.series] + origins.row)[:, None] + np.arange(1, longest + 1)  # (B, H)
    given = np.where(source.observed[rows], source.futures[rows], np.nan)  # (B, H, C)
    bars = range(1, longest + 1)
    windows = windows_at(source, origins)
    made = forecaster.forecast_given(windows, horizons=bars, num_samples=count, seed=seed, given=given)
    return made.samples
