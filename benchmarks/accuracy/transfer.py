"""Comparison of two beginnings of training: the encoder of a model of other series, and nothing.

The target is the oil temperature of ETTh1 from sixty days of it; the encoder is of a model of the six loads.

Both networks start from the random walk, so that the encoder has everything to tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import entries
import numpy as np
from tasks import Task, etth1

from sssd_registry.config import Config, DataConfig
from sssd_registry.training.train import train

_FIRST, _TEST, _END, _HELD = 10_080, 11_520, 14_400, 288
FROM_NOTHING, FROM_LOADS = "sssd mlp, from nothing", "sssd mlp, from the six loads' model"
SEEDS = (0, 1, 2)


def transfer(path: Path) -> Task:
    """Oil temperature alone: 48 days to train, 12 to validate, ETTh1's own test windows."""
    frame = etth1(path).frame.iloc[_FIRST:_END][["time", "OT"]].reset_index(drop=True)
    rows = len(frame)
    data = DataConfig(
        horizons=tuple(range(1, 25)),
        timeframes={"1h": 168},
        validation_fraction=_HELD / rows,
        test_fraction=(_END - _TEST) / rows,
    )
    origins = _TEST - _FIRST - 1 + 24 * np.arange(120)
    return Task("transfer", frame, data, origins, _TEST - _FIRST, 24, 1, ("z", 1.0), False)


def configuration(task: Task, seed: int) -> Config:
    """The MLP from the random walk, as on all of ETTh1, with fewer steps."""
    made = entries.configuration(task, entries.Entry("mlp", "random-walk", (0,)), seed)
    model = made.model.model_copy(update={"feature_size": 32, "num_layers": 2, "context_size": 64})
    training = made.training.model_copy(update={"max_steps": 600, "validate_every": 50})
    return made.model_copy(update={"model": model, "training": training})


def run(task: Task, seed: int, source: Path | None, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Train, from the model in ``source`` if one is given, and forecast."""
    pipeline = train(task.frame, configuration(task, seed), folder, init=source)
    record = pipeline.record
    assert record is not None
    facts = {"steps": record.steps, "best step": record.best_step, "validation CRPS": record.validation_crps}
    return entries.forecasts(task, pipeline, 20), facts


def loads_model(path: Path, results: Path) -> Path:
    """The model of the six loads, trained on ETTh1's training part unless it is there already."""
    folder = results / "six-loads"
    if not folder.exists():
        task = etth1(path)
        data = task.data.model_copy(update={"columns": tuple(task.frame.columns[1:-1])})
        made = entries.configuration(task, entries.Entry("mlp", "random-walk", (0,)), 0)
        train(task.frame, made.model_copy(update={"data": data}), folder)
    return folder
