"""Scores of a backtest, from the tables of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.backtesting.folder import Tables
from sssd_registry.backtesting.folds import Fold
from sssd_registry.backtesting.plan import Plan
from sssd_registry.backtesting.table import PEERS
from sssd_registry.data.effective_windows import WindowPlaces
from sssd_registry.data.panel import Panel
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.calibration import calibration
from sssd_registry.evaluation.evaluate import Evaluation
from sssd_registry.evaluation.path_scores import path_scores
from sssd_registry.evaluation.scores import crps, json_values, score

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoldScores:
    """Scores of one fold.

    Attributes:
        fold: its number.
        trained_until: start of the last bar that its model has seen, UTC.
        windows: scored, of all series.
        crps: mean by forecaster, data units.
    """

    fold: int
    trained_until: np.datetime64
    windows: int
    crps: dict[str, float]


@dataclass(frozen=True)
class Backtest:
    """Result of a backtest.

    Attributes:
        evaluation: scores by forecaster of all folds' windows together, with those of paths and the calibration.
        folds: scores of each.
        windows: the table of windows: a row for each fold, forecaster, series, horizon and target.
        out: folder with the tables, paths too, and the models.
    """

    evaluation: Evaluation
    folds: tuple[FoldScores, ...]
    windows: pd.DataFrame
    out: Path

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        folds = [
            {
                "fold": one.fold,
                "trained_until": str(one.trained_until),
                "windows": one.windows,
                "crps": json_values(one.crps),
            }
            for one in self.folds
        ]
        return {"folds": folds, **self.evaluation.to_dict()}


def read_backtest(plan: Plan, out: Path) -> Backtest:
    """Score what all folds wrote.

    Raises:
        SSSDError: a table is damaged, or nothing came to be that could be scored.
    """
    tables = Tables(out, plan.options.format)
    read = [_read(tables, fold, plan) for fold in plan.folds]
    frames = [frame for frame, *_ in read]
    samples = {name: np.concatenate([one[1][name] for one in read]) for name in PEERS}  # (B, S, K, C)
    y, last = (np.concatenate([one[at] for one in read]) for at in (2, 3))
    series = np.concatenate([one[4] for one in read])
    origins = np.concatenate([one[5] for one in read])
    number = np.concatenate([np.full(len(one[2]), fold.number) for one, fold in zip(read, plan.folds, strict=True)])
    known = np.isfinite(y).all(axis=(1, 2))
    if not known.any():
        raise SSSDError(
            f"{plan.actual.source}: no window has all of the values that came to be, so that nothing is scored"
        )
    bars, places = plan.spec.horizons, _places(plan.actual, series[known], origins[known])
    drawn = {name: values[known] for name, values in samples.items()}
    evaluation = Evaluation(
        scores={name: score(values, y[known], last[known], bars, places=places) for name, values in drawn.items()},
        paths={
            name: path_scores(values, y[known], last[known], bars, plan.spec.targets, places=places)
            for name, values in drawn.items()
        },
        calibration=calibration(drawn["model"], y[known], bars, places=places),
        windows=int(known.sum()),
        start=origins[known].min().astype("datetime64[s]"),
        end=origins[known].max().astype("datetime64[s]"),
        horizons=bars,
    )
    folds = tuple(_fold_scores(fold, known & (number == fold.number), samples, y) for fold in plan.folds)
    return Backtest(evaluation, folds, pd.concat(frames, ignore_index=True), out)


def _read(tables: Tables, fold: Fold, plan: Plan) -> tuple[pd.DataFrame, dict[str, Array], Array, Array, Any, Any]:
    """A fold's table, samples by forecaster, what came to be, last values, ids and origins."""
    frame, paths = tables.read(tables.windows(fold.number)), tables.read(tables.paths(fold.number))
    draws, count, targets = plan.options.samples, len(plan.spec.horizons), len(plan.spec.targets)
    one = frame[frame["forecaster"] == PEERS[0]]
    try:
        shape = (-1, count, targets)
        y, last = one["actual"].to_numpy(np.float64).reshape(shape), one["last"].to_numpy(np.float64).reshape(shape)
        samples = {
            name: paths["value"][paths["forecaster"] == name].to_numpy(np.float64).reshape(-1, draws, count, targets)
            for name in PEERS
        }
        if any(values.shape != (len(y), draws, count, targets) for values in samples.values()):
            raise ValueError
    except (KeyError, ValueError, TypeError):
        raise SSSDError(
            f"{tables.windows(fold.number)} and its paths do not fit together: delete them, and run the same again"
        ) from None
    first = one.iloc[:: count * targets]
    origins = pd.to_datetime(first["origin"], utc=True).to_numpy(dtype="datetime64[ns]")
    return frame, samples, y, last[:, 0], first["series"].to_numpy(dtype=object), origins


def _places(panel: Panel, names: npt.NDArray[np.object_], origins: npt.NDArray[np.datetime64]) -> WindowPlaces:
    number = {series.id: at for at, series in enumerate(panel.series)}
    series = np.array([number[str(name)] for name in names], dtype=np.int64)
    seconds = origins.astype("datetime64[s]").astype(np.int64)
    rows = [np.searchsorted(panel.series[at].times, time) for at, time in zip(series, seconds, strict=True)]
    return WindowPlaces(series, np.array(rows, dtype=np.int64), seconds)


def _fold_scores(fold: Fold, here: npt.NDArray[np.bool_], samples: dict[str, Array], y: Array) -> FoldScores:
    until = np.datetime64(fold.cutoff, "s")
    scores = {
        name: float(crps(drawn[here], y[here]).mean()) if here.any() else np.nan for name, drawn in samples.items()
    }
    return FoldScores(fold.number, until, int(here.sum()), scores)


def table_rows(folds: Sequence[FoldScores]) -> list[list[str]]:
    """Cells of a table: fold, trained until, windows, CRPS by forecaster."""
    return [
        [str(one.fold), str(one.trained_until), str(one.windows), *(f"{value:.4g}" for value in one.crps.values())]
        for one in folds
    ]
