"""GluonTS's DeepAR and PatchTST, near their defaults: every series and target by itself, one network for all."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from classical import NUM_SAMPLES
from tasks import Task

Array = npt.NDArray[np.float64]

_FREQUENCY = {
    "exchange_rate": "D", "etth1": "h", "eurusd": "h", "gbpusd": "5min", "m4_hourly": "h", "bike": "h",
    "vic_elec": "30min",
}  # fmt: skip
_CONTEXT = {
    "exchange_rate": (60, 90), "etth1": (72, 168), "eurusd": (72, 168), "gbpusd": (96, 192), "m4_hourly": (72, 168),
    "bike": (72, 168), "vic_elec": (96, 336),
}  # fmt: skip
_EPOCHS = 20


def deepar(task: Task, seed: int) -> Array:
    from gluonts.torch import DeepAREstimator

    series = len(task.prepared.source.lengths) * len(task.prepared.spec.targets)
    return _run(task, seed, task.asked, lambda common: DeepAREstimator(
        freq=_FREQUENCY[task.name], context_length=_CONTEXT[task.name][0], num_feat_static_cat=1,
        cardinality=[series], **common,
    ))  # fmt: skip


def patchtst(task: Task, seed: int) -> Array:
    from gluonts.torch import PatchTSTEstimator

    return _run(task, seed, task.horizons, lambda common: PatchTSTEstimator(
        context_length=_CONTEXT[task.name][1], patch_len=16, **common
    ))  # fmt: skip


def _run(task: Task, seed: int, horizons: tuple[int, ...], make: Callable[[dict[str, Any]], Any]) -> Array:
    import lightning.pytorch as pl
    from gluonts.dataset.common import ListDataset
    from gluonts.model.forecast import SampleForecast

    for name in ("lightning.pytorch", "lightning", "gluonts"):
        logging.getLogger(name).setLevel(logging.ERROR)
    pl.seed_everything(seed, verbose=False)
    frequency, targets = _FREQUENCY[task.name], len(task.prepared.spec.targets)
    start = pd.Period("2000-01-03", freq=frequency)
    source = task.prepared.source
    first = [task.history(k)[: task.fit_rows : task.every] for k in range(len(source.lengths))]
    train = [_entry(start, one[:, c], k * targets + c) for k, one in enumerate(first) for c in range(targets)]
    pasts = [task.history(k)[:: -task.every][::-1][-2000:] for k in range(len(task.origins))]
    test = [
        _entry(start, past[:, c], int(task.origins.series[k]) * targets + c)
        for k, past in enumerate(pasts)
        for c in range(targets)
    ]
    steps = np.array(horizons) // task.every
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        trainer = {
            "max_epochs": _EPOCHS, "accelerator": "cpu", "enable_progress_bar": False, "logger": False,
            "enable_model_summary": False, "default_root_dir": folder,
        }  # fmt: skip
        estimator = make({
            "prediction_length": int(steps.max()), "batch_size": 64, "num_batches_per_epoch": 50,
            "trainer_kwargs": trainer,
        })  # fmt: skip
        predictor = estimator.train(ListDataset(train, freq=frequency))
        rows = []
        for made in predictor.predict(ListDataset(test, freq=frequency), num_samples=NUM_SAMPLES):
            drawn = made if isinstance(made, SampleForecast) else made.to_sample_forecast(num_samples=NUM_SAMPLES)
            rows.append(np.asarray(drawn.samples)[:, steps - 1])  # (S, K)
    samples = np.stack(rows).reshape(len(task.origins), targets, -1, len(steps)).transpose(0, 2, 3, 1)
    last = np.stack([past[-1] for past in pasts])
    return task.scored(np.maximum(samples, 1e-3 * np.abs(last[:, None, None])) if task.log else samples, last)


def _entry(start: pd.Period, target: Array, category: int) -> dict[str, Any]:
    return {"start": start, "target": target, "feat_static_cat": [category]}


PEERS: dict[str, Callable[[Task, int], Array]] = {"DeepAR": deepar, "PatchTST": patchtst}
# What the others draw at one horizon has nothing to do with what they draw at the next.
DRAW_PATHS = ("DeepAR",)
