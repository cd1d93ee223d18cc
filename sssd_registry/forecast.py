"""Forecast, whichever way it was made: samples in data units, and the ways to read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from sssd_registry.data.other_frames import in_library
from sssd_registry.data.written_times import in_zone
from sssd_registry.errors import SSSDError
from sssd_registry.extras import require
from sssd_registry.files.atomic import atomic_file, check_file
from sssd_registry.functionals import FirstPassage, apply_functional, first_passage

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class Forecast:
    """S joint samples of C targets at K horizons, from B origins.

    Attributes:
        samples: float64 ``(B, S, K, C)``, data units, finite.
        horizons: K horizons in bars; between trained ones they need not be whole.
        targets: C names.
        series: object ``(B,)``, the id of each window's series (``""`` in a frame without ids).
        origin_times: ``datetime64[ns] (B,)``, start of the last known bar, UTC.
        times: ``datetime64[ns] (B, K)``, start of the bar that each horizon falls on, UTC.
        id_column: what the ids are called in a frame; ``None`` if there are none.
        time_column: what the times are called in a frame.
        last: float64 ``(B, C)``, the last known values, where samples are log-returns since these; else None.
        zone: in which a frame and a file have the times, ``Europe/Berlin`` or ``UTC+02:00``; None for times without.
        library: that frames are of, ``polars`` or ``pyarrow``, as the data's were; None for pandas.

    Raises:
        ValueError: shapes that do not belong together.
        SSSDError: a sample that is not finite.
    """

    samples: Array
    horizons: tuple[float, ...]
    targets: tuple[str, ...]
    series: npt.NDArray[np.object_]
    origin_times: npt.NDArray[np.datetime64]
    times: npt.NDArray[np.datetime64]
    id_column: str | None = None
    time_column: str = "time"
    zone: str | None = None
    library: str | None = None
    last: Array | None = None

    def __post_init__(self) -> None:
        for name, dtype in (
            ("samples", "float64"),
            ("series", "object"),
            ("origin_times", "datetime64[ns]"),
            ("times", "datetime64[ns]"),
        ):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=dtype))
        object.__setattr__(self, "horizons", tuple(float(horizon) for horizon in self.horizons))
        object.__setattr__(self, "targets", tuple(self.targets))
        if self.samples.ndim != 4 or not self.samples.size:
            raise ValueError(f"samples have shape {self.samples.shape}, expected (B, S, K, C), none of them 0")
        windows, _, horizons, targets = self.samples.shape
        for name, got, expected in (
            ("horizons", (len(self.horizons),), (horizons,)),
            ("targets", (len(self.targets),), (targets,)),
            ("series", self.series.shape, (windows,)),
            ("origin_times", self.origin_times.shape, (windows,)),
            ("times", self.times.shape, (windows, horizons)),
        ):
            if got != expected:
                raise ValueError(f"{name} have shape {got}, expected {expected}: samples {self.samples.shape}")
        self._check_finite()

    def _check_finite(self) -> None:
        bad = ~np.isfinite(self.samples)
        if bad.any():
            window, _, horizon, target = np.argwhere(bad)[0]
            raise SSSDError(
                f"{bad.sum()} of {bad.size} samples are not finite, the first for {self.targets[target]!r} at"
                f" horizon {self.horizons[horizon]:g} of the origin {self.origin_times[window]}: {self._cause(bad)}"
            )

    def _cause(self, bad: npt.NDArray[np.bool_]) -> str:
        """Name the likely cause, from where bad samples are.

        Weights and a scheduler's numbers are finite: that was checked before.
        """
        whole = bad.all(axis=1)  # (B, K, C): every sample
        if not whole.any():
            return "the sampling diverged; take more steps or another scheduler"
        if whole.all():
            return "so are all others, so that the model itself gives none; `sssd check MODEL` looks into it"
        return "every sample there, so that it lies in the window's values or in the model, not in the sampling"

    def quantile(self, q: float | Sequence[float]) -> Array:
        """Quantiles over the samples, interpolated linearly (numpy's default definition).

        Args:
            q: one level in [0, 1], or Q of them.

        Returns:
            ``(B, K, C)`` for one level, ``(Q, B, K, C)`` for several; float64, data units.
        """
        result: Array = np.quantile(self.samples, q, axis=1)
        return result

    @property
    def mean(self) -> Array:
        """Mean over the samples, float64 ``(B, K, C)``, data units."""
        result: Array = self.samples.mean(axis=1)
        return result

    def levels(self) -> Self:
        """The same forecast in levels: of log-returns, the last known values times their exponential."""
        if self.last is None:
            return self
        return replace(self, samples=self.last[:, None, None] * np.exp(self.samples), last=None)

    @property
    def paths(self) -> Array:
        """The samples in the order of time: float64 ``(B, S, K, C)``, data units, ``sorted(horizons)`` along K.

        Sample s is one path: its values at the horizons, and of the targets, belong together. Those of different
        windows do not. See ``docs/paths.md``.
        """
        return self.samples[:, :, np.argsort(self.horizons, kind="stable")]

    def functional(self, of: str | Callable[[Array], npt.ArrayLike], q: float | Sequence[float] | None = None) -> Array:
        """One number for each path and target, such as the highest value on it: samples of it, or its quantiles.

        Args:
            of: ``"mean"``, ``"sum"``, ``"max"``, ``"min"``, ``"range"`` or ``"last-first"``, each over the horizons
                that were asked for (ask for all bars where all count); or a function of ``paths (B, S, K, C)`` that
                returns ``(B, S, C)``, or ``(B, S)`` where it puts the targets together.
            q: one level in [0, 1], or Q of them; default: the samples.

        Returns:
            float64, data units: samples ``(B, S, C)``; for one level ``(B, C)``; for several ``(Q, B, C)``. C is 1 for
            a function that returns ``(B, S)``.

        Raises:
            SSSDError: an unknown name.
            ValueError: a function that returned another shape.
        """
        values = apply_functional(of, self.paths)
        if q is None:
            return values
        result: Array = np.quantile(values, q, axis=1)
        return result

    def first_passage(self, level: npt.ArrayLike, *, falling: bool = False) -> FirstPassage:
        """Find when each path is first at ``level`` or above it, and how likely it never is.

        Seen at the horizons that were asked for alone: a path may be there between two of them. At the first horizon
        counts as well, wherever the origin was.

        Args:
            level: data units; one number, or what broadcasts to ``(B, C)``.
            falling: at ``level`` or below it, instead.
        """
        return first_passage(self.paths, tuple(sorted(self.horizons)), level, falling=falling)

    def paths_frame(self) -> Any:
        """A frame of the data's library, with one row for each (window, sample, horizon, target), in that order.

        Columns: as :meth:`to_frame` has them, with ``sample`` (from 0) after ``origin``, and ``value`` instead of mean
            and quantiles. Long, so that the columns are the same whatever is asked for, and a path's functional is
            one ``groupby``; Parquet stores the columns that repeat in next to nothing.

        Raises:
            SSSDError: the frame's id or time column has the name of another of these.
        """
        return in_library(self._path_rows(), self.library)

    def _path_rows(self) -> pd.DataFrame:
        for name in (self.id_column, self.time_column):
            if name in ("sample", "value"):
                raise SSSDError(f"a frame of paths would have two columns {name!r}: rename yours in the data")
        windows, samples, _, _ = self.samples.shape
        rows = self._rows(()).drop(columns="mean")  # (window, horizon, target)
        each = np.arange(len(rows)).reshape(windows, 1, -1)
        index = np.broadcast_to(each, (windows, samples, each.shape[2]))
        frame = rows.take(index.ravel()).reset_index(drop=True)
        number = np.repeat(np.tile(np.arange(samples), windows), each.shape[2])
        frame.insert(list(frame).index("origin") + 1, "sample", number)
        return frame.assign(value=self.samples.ravel())

    def to_frame(self, levels: Sequence[float] = LEVELS) -> Any:
        """A frame of the data's library, with one row for each (window, horizon, target), in that order.

        Columns: the id (if there are ids), ``origin``, ``horizon`` (bars), the time, ``target``, ``mean``, and a
        column for each quantile, named by its level: ``0.05``. Times are as those of the data were: on the clock of
        their zone and aware of it, or naive where they had none (they were then taken as UTC).

        Raises:
            SSSDError: the frame's id or time column has the name of another of these.
        """
        return in_library(self._rows(levels), self.library)

    def _rows(self, levels: Sequence[float]) -> pd.DataFrame:
        import pandas as pd

        windows, _, horizons, targets = self.samples.shape
        bars = np.array(self.horizons)
        bars = bars.astype(np.int64) if (bars == np.rint(bars)).all() else bars
        columns: list[tuple[str, npt.NDArray[Any] | pd.DatetimeIndex]] = []
        if self.id_column:
            columns.append((self.id_column, np.repeat(self.series, horizons * targets)))
        columns += [
            ("origin", in_zone(np.repeat(self.origin_times, horizons * targets), self.zone)),
            ("horizon", np.tile(np.repeat(bars, targets), windows)),
            (self.time_column, in_zone(np.repeat(self.times.ravel(), targets), self.zone)),
            ("target", np.tile(np.array(self.targets, dtype=object), windows * horizons)),
            ("mean", self.mean.ravel()),
        ]
        columns += [(f"{q:g}", self.quantile(q).ravel()) for q in levels]
        names = [name for name, _ in columns]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SSSDError(
                f"a forecast's frame would have two columns {', '.join(map(repr, sorted(twice)))}:"
                " rename yours in the data"
            )
        return pd.DataFrame(dict(columns))


def write_forecast(forecast: Forecast, path: str | Path, *, paths: bool = False) -> None:
    """Write ``forecast.to_frame()`` as CSV, Parquet or JSON (a list of records, ISO times), by the suffix.

    Times of data with a zone are on its clock, with their offset: ``2024-03-31T02:00:00+02:00``. Read back under the
    settings of the data they are the same instants. The file is complete or not there at all.
    With ``paths`` it holds ``forecast.paths_frame()`` instead.

    Raises:
        SSSDError: another suffix, no such folder, Parquet without pyarrow, or a file that cannot be written.
    """
    suffix = check_forecast_file(path)
    frame = forecast._path_rows() if paths else forecast._rows(LEVELS)
    with atomic_file(path) as new:
        if suffix == ".csv":
            _with_offsets(frame).to_csv(new, index=False)
        elif suffix == ".parquet":
            frame.to_parquet(new, index=False)
        else:
            new.write_text(_records(frame), encoding="utf-8")


def check_forecast_file(path: str | Path) -> str:
    """Refuse now what :func:`write_forecast` would refuse once there is a forecast; the suffix otherwise.

    Raises:
        SSSDError: another suffix, no such folder, or Parquet without pyarrow.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet", ".json"):
        raise SSSDError(f"{path}: a forecast is written as .csv, .parquet or .json, not {suffix or 'without suffix'!r}")
    check_file(path)
    if suffix == ".parquet":
        require("pyarrow", f"writing {path}")
    return suffix


def _records(frame: pd.DataFrame) -> str:
    # By the standard library: pandas rounds to a number of decimals, which small values do not survive.
    texts = _with_offsets(frame)
    for name in texts.select_dtypes("datetime"):
        texts[name] = [time.isoformat() for time in frame[name]]
    return json.dumps(texts.to_dict("records"), indent=1)


def _with_offsets(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy in which times with a zone are ISO 8601: pandas writes a blank for the T."""
    texts = frame.copy()
    for name in frame.select_dtypes("datetimetz"):
        texts[name] = [time.isoformat() for time in frame[name]]
    return texts
