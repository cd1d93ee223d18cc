"""A task: data, split, test windows and how they are scored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.config import DataConfig
from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import futures_at, observed_at
from sssd_registry.model.batches import TrainingData, training_data

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """One data set and how it is scored.

    Attributes:
        name: as on the command line.
        frame: what ``sssd train`` would read.
        data: the ``[data]`` section.
        origin_rows: row of the last known bar of each test window, in every series; counted from its end if negative.
        fit_rows: rows of a series that peers without early stopping are fitted on.
        season: bars in a season, 1 for none.
        every: peers look at every so many-th bar, counted back from the origin.
        unit: of CRPS, and what a score is multiplied by to be in it.
        mirror: whether rises and falls are alike.
        path_horizons: at which paths are scored, where these are not the horizons of ``data``.
    """

    name: str
    frame: pd.DataFrame
    data: DataConfig
    origin_rows: npt.NDArray[np.int64]
    fit_rows: int
    season: int
    every: int
    unit: tuple[str, float]
    mirror: bool
    path_horizons: tuple[int, ...] = ()

    @cached_property
    def prepared(self) -> TrainingData:
        """Read and split as ``sssd train`` does."""
        return training_data(self.frame, self.data)

    @property
    def horizons(self) -> tuple[int, ...]:
        return self.prepared.spec.horizons

    @property
    def asked(self) -> tuple[int, ...]:
        """Horizons of paths, those that are trained among them."""
        return self.path_horizons or self.horizons

    @property
    def log(self) -> bool:
        """Tell whether forecasts are of log-returns."""
        return self.prepared.spec.target_kind == "log-return"

    @cached_property
    def origins(self) -> Origins:
        """The test windows, window after window, its series together."""
        lengths = self.prepared.source.lengths
        rows = np.repeat(self.origin_rows, len(lengths))
        series = np.tile(np.arange(len(lengths)), len(self.origin_rows))
        return Origins(series, np.where(rows < 0, lengths[series] + rows, rows))

    def history(self, origin: int) -> Array:
        """Levels of the target up to and including the origin's bar, ``(n, C)``; origin counts ``origins``.

        For those that are missing stands the last one observed.
        """
        source = self.prepared.source
        series, row = self.origins.series[origin], self.origins.row[origin]
        start = source.offsets[series]
        return source.pasts[start : start + row + 1]

    def observed(self, origins: Origins | None = None, horizons: tuple[int, ...] | None = None) -> Array:
        """Return the observed values as they are scored: float64 ``(B, K, C)``, NaN where one is missing."""
        at, asked = self.origins if origins is None else origins, horizons or self.horizons
        future = futures_at(self.prepared.source, at, asked)
        future = np.where(observed_at(self.prepared.source, at, asked), future, np.nan)
        return self.scored(future, futures_at(self.prepared.source, at, (0,))[:, 0])

    def scored(self, levels: Array, last: Array) -> Array:
        """Levels ``(B, …, C)`` as they are scored, given the last known ones ``(B, C)``."""
        if not self.log:
            return levels
        shape = (len(last), *(1,) * (levels.ndim - 2), last.shape[-1])
        return np.asarray(np.log(levels / last.reshape(shape)))


def describe(task: Task) -> dict[str, Any]:
    """Describe the data, as far as a reader of the results has to know them."""
    split, apart = task.prepared.split, np.diff(task.origin_rows)
    return {
        "windows": len(task.origin_rows),
        "stride": int(apart.min()) if len(apart) else max(task.horizons),
        "series": len(task.prepared.source.lengths),
        "targets": len(task.prepared.spec.targets),
        "training windows": len(split.train),
        "validation windows": len(split.validation),
    }
