"""What ``sssd train`` gives when it is told what columns are and horizons, and nothing else: the product's defaults."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import entries
import numpy as np
import numpy.typing as npt
import path_peers
from scoring import scores_of_paths
from tasks import Task

from sssd_registry.config import Config, DataConfig
from sssd_registry.training.train import train

Array = npt.NDArray[np.float64]

# Raised when a change of the code changes what training gives: results of an earlier one are then made again.
REVISION = 3
# What the data are and where their parts end; windows, model and training are what nobody has set.
_TOLD = {"id", "targets", "known", "target_kind", "horizons", "validation_fraction", "test_fraction"}
_STEPS = 20


def configuration(task: Task) -> Config:
    """Return the configuration of ``sssd train DATA``, told what columns are, horizons and the split."""
    return Config(data=DataConfig.model_validate(task.data.model_dump(include=_TOLD)))


def run(task: Task, folder: Path) -> tuple[Array, dict[str, Any]]:
    """Train, and forecast: paths ``(B, S, K, C)`` of the test windows, and facts to keep.

    Among these are scores of paths with the same marginals that are joined otherwise.
    """
    cores, clock = time.process_time(), time.perf_counter()
    pipeline = train(task.frame, configuration(task), folder)
    record, normalizer = pipeline.record, pipeline.network.normalizer
    assert record is not None
    facts = {
        "training core-seconds": time.process_time() - cores,
        "training seconds": time.perf_counter() - clock,
        "steps": record.steps,
        "best step": record.best_step,
        "gains": record.validation_gains,
        "direct path": 0.0 if normalizer.direct is None else float(normalizer.direct.share),
        "parameters": sum(parameter.numel() for parameter in pipeline.network.parameters()),
    }
    samples = entries.forecasts(task, pipeline, _STEPS)
    facts["its marginals"] = {
        "independent": scores_of_paths(task, path_peers.independent(samples)),
        "along a random walk": scores_of_paths(task, path_peers.along_a_walk(samples, task.asked)),
    }
    return samples, facts
