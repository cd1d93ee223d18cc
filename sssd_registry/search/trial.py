"""One trial of a search: a model is trained, reports its validations, and is scored by its validation part."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sssd_registry.config import Config
from sssd_registry.data.origins import Origins
from sssd_registry.data.training_data import TrainingData
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.multivariate import energy_score
from sssd_registry.model.batches import evenly_spaced
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.train import train

# Samples of each window that the energy score is estimated from.
_SAMPLES = 100


@dataclass(frozen=True)
class Outcome:
    """Scores of a trained trial, and what it took.

    Attributes:
        crps: validation CRPS of the weights that were kept, standard units.
        energy: mean energy score of validation windows' paths, standard units.
        steps: optimiser steps taken.
        network_in_use: whether the network was better than the baseline it starts from.
        seconds: of training and scoring.
    """

    crps: float
    energy: float
    steps: int
    network_in_use: bool
    seconds: float


def run_trial(data: TrainingData, config: Config, validated: Callable[[int, float], None]) -> Outcome:
    """Train in a folder that is thrown away, and score.

    Args:
        data: prepared once for all trials.
        config: of this one.
        validated: told step and CRPS of each validation; what it raises ends the trial.

    Raises:
        SSSDError: a configuration that cannot be trained.
        TrainingInterrupted: Ctrl-C.
    """
    began, told = time.monotonic(), 0

    def report(progress: Progress, _loss: float) -> None:
        nonlocal told
        for step, crps in progress.history[told:]:
            validated(step, crps)
        told = len(progress.history)

    with tempfile.TemporaryDirectory(prefix="sssd-search-") as folder:
        pipeline = train(data, config, Path(folder) / "model", report=report)
    record = pipeline.record
    assert record is not None
    energy = _energy(pipeline, data, evenly_spaced(data.split.validation, config.training.validation_windows))
    return Outcome(record.validation_crps, energy, record.steps, record.network_in_use, time.monotonic() - began)


def _energy(pipeline: SSSDPipeline, data: TrainingData, origins: Origins) -> float:
    windows = encode_windows(pipeline.network, data.source, origins, data.spec.horizons)
    steps = pipeline.sampling_defaults.steps
    samples = windows.forecast(pipeline.tableau(steps), _SAMPLES, seed=0)
    return float(np.mean(energy_score(samples, windows.observed)))
