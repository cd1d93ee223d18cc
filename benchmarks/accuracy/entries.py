"""Our entries: what is trained on which task, and how. Everything here was chosen on validation parts."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tasks import Task
from variants import DISTILLED, FROM_LINEAR, POOLED, VARIANTS, Variant, train_by

from sssd_registry.config import Config
from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import windows_at
from sssd_registry.evaluation.scores import crps
from sssd_registry.model.batches import evenly_spaced
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.distill import distill
from sssd_registry.training.train import train

Array = npt.NDArray[np.float64]

NUM_SAMPLES = 100
# Windows on which 20 steps are compared with 100, evenly spaced.
_COMPARED = 48
# Raised when a change of the code changes what training gives: results of an earlier one are then made again.
_REVISION = 3
# The same for the linear baseline's location: fitted everywhere, and found to be of use on ETTh1's channels alone.
_LOCATION_REVISION = {"etth1": 4, "transfer": 4}
_WINDOWS_AT_ONCE = 32

HEADS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_sizes": (128, 128)},
    "adaln": {"width": 64, "blocks": 2},
    "attend": {"width": 64, "blocks": 2},
    "dit": {"width": 32, "blocks": 2},
    "film-unet": {"widths": (32, 64)},
    "unet1d": {},
    "unet1d-attn": {},
    "unet2d": {"block_out_channels": (16, 32)},
}
# One head stands for all where heads hardly differ, and each takes long.
_ONE_HEAD = ("m4_hourly", "bike", "vic_elec")
# Trained with three seeds: the head of the forecaster that this project replaces, and the best by validation where the
# network has all to learn.
_SEVERAL = ("mlp", "adaln")
_SMALL = {"feature_size": 16, "num_layers": 1, "context_size": 32, "dropout": 0.3}
_LARGE = {"feature_size": 32, "num_layers": 2, "context_size": 64, "dropout": 0.3}
_TRAINING = {
    "learning_rate": 1e-3, "batch_size": 32, "noise_draws": 4, "validate_every": 100, "validation_windows": 200,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A model to train: ``head`` from ``start``, once for each of ``seeds``; ``variant`` is another way to train."""

    head: str
    start: str
    seeds: tuple[int, ...]
    variant: str = ""

    @property
    def name(self) -> str:
        start = "" if self.start == "linear" else ", from the random walk"
        return f"sssd {self.head}{start}" + (f", {self.variant}" if self.variant else "")


def entries(task: Task) -> list[Entry]:
    """Every head from the linear baseline; on ETTh1, where there is most to learn, also from the random walk."""
    starts = ("linear", "random-walk") if task.name == "etth1" else ("linear",)
    heads = ("mlp",) if task.name in _ONE_HEAD else tuple(HEADS)
    made = [Entry(head, start, (0, 1, 2) if head in _SEVERAL else (0,)) for start in starts for head in heads]
    if task.name == "etth1":
        made += [Entry("mlp", "random-walk", variant.seeds, name) for name, variant in VARIANTS.items()]
        made += [Entry("mlp", "linear", (0,), name) for name in FROM_LINEAR]
    return made


def revision(task: Task, start: str) -> int:
    """Return the revision of what is trained on a task from a start."""
    return _LOCATION_REVISION.get(task.name, _REVISION) if start == "linear" else _REVISION


def rank(entry: Entry, seed: int) -> int:
    """Rank an entry, lowest first: the linear baseline, heads with everything to learn, more seeds, variants."""
    if entry.variant:
        return 7 if seed else 5
    if entry.start == "linear":
        return 3 if seed else 1
    return 6 if entry.head in ("film-unet", "unet2d") else 3 if seed else 2


def configuration(task: Task, entry: Entry, seed: int) -> Config:
    """Return the configuration that ``sssd train`` would be given."""
    from_nothing, variant = entry.start == "random-walk", VARIANTS.get(entry.variant, Variant()).settings
    return Config.model_validate(
        {
            "data": {**task.data.model_dump(), **variant.get("data", {})},
            "model": {
                **(_LARGE if task.name == "etth1" else _SMALL),
                "location_scale": entry.start,
                "head": entry.head,
                "head_options": HEADS[entry.head],
                **variant.get("model", {}),
            },
            "training": {
                **_TRAINING,
                "mirror": task.mirror,
                "max_steps": 2000 if from_nothing else 1000,
                "patience": 5 if from_nothing else 3,
                "seed": seed,
                **variant.get("training", {}),
            },
        }
    )


def run(task: Task, entry: Entry, seed: int, folder: Path) -> tuple[Array, dict[str, Any]]:
    """Train, and forecast: samples ``(B, S, K, C)`` of the test windows, and facts to keep."""
    if entry.variant == POOLED:
        return _pooled(task, entry, folder)
    # Of all threads: what else the machine does meanwhile does not count. By the clock it does.
    started, clock = time.process_time(), time.perf_counter()
    history: list[tuple[int, float]] = []

    def watch(progress: Progress, _loss: float) -> None:
        history[:] = progress.history

    variant = VARIANTS.get(entry.variant, Variant())
    pipeline, validation = train_by(variant, task, configuration(task, entry, seed), folder, watch)
    record = pipeline.record
    assert record is not None
    if entry.variant == DISTILLED:
        pipeline = distill(folder, task.frame, folder.with_name("distilled"))
        record = pipeline.record
        assert record is not None
        validation = record.validation_crps
    seconds, elapsed = time.process_time() - started, time.perf_counter() - clock
    facts = {
        "training core-seconds": seconds,
        "training seconds": elapsed,
        "steps": record.steps,
        "best step": record.best_step,
        "validation CRPS": validation,
        "parameters": sum(parameter.numel() for parameter in pipeline.network.parameters()),
        "validations": history,
    }
    if record.distilled is not None:
        return forecasts(task, pipeline, record.distilled.steps), facts
    if record.network_in_use and not variant.only_here:  # a network that steps matter to, and that anyone can train
        facts["CRPS by steps"] = _crps_by_steps(task, pipeline)
    return forecasts(task, pipeline, variant.steps), facts


def _pooled(task: Task, entry: Entry, folder: Path) -> tuple[Array, dict[str, Any]]:
    """An ensemble: a third of the samples from each of three networks that differ by their seed."""
    runs = [run(task, replace(entry, variant=""), seed, folder / str(seed)) for seed in (0, 1, 2)]
    shares = np.array_split(np.arange(NUM_SAMPLES), len(runs))
    samples = [made[:, share] for (made, _), share in zip(runs, shares, strict=True)]
    seconds = sum(facts["training core-seconds"] for _, facts in runs)
    return np.concatenate(samples, axis=1), {"training core-seconds": seconds, "networks": len(runs)}


def _crps_by_steps(task: Task, pipeline: SSSDPipeline) -> dict[str, float]:
    """Mean CRPS of 20 and of 100 steps with the same noise, on some of the windows."""
    some = evenly_spaced(task.origins, _COMPARED)
    observed = task.observed(some, task.asked)
    return {str(steps): float(crps(forecasts(task, pipeline, steps, some), observed).mean()) for steps in (20, 100)}


def start_configuration(task: Task) -> Config:
    """Return the configuration of the linear baseline alone; any head may stand idle beside it."""
    return configuration(task, Entry("mlp", "linear", (0,)), 0)


def start_alone(task: Task, folder: Path) -> Array:
    """Forecast by the linear baseline with no network trained: one step at a learning rate of nothing."""
    config = start_configuration(task)
    training = config.training.model_copy(update={"max_steps": 1, "learning_rate": 1e-12, "validation_windows": 8})
    pipeline = train(task.frame, config.model_copy(update={"training": training}), folder)
    return forecasts(task, pipeline, 20)


def forecasts(task: Task, pipeline: SSSDPipeline, steps: int, origins: Origins | None = None) -> Array:
    """Paths ``(B, S, K, C)`` at the horizons that are asked for, of the test windows or others."""
    pipeline.set_progress_bar_config(disable=True)
    origins = task.origins if origins is None else origins
    source = pipeline.source(task.frame)  # whose windows may be longer than the task's
    parts = []
    for start in range(0, len(origins), _WINDOWS_AT_ONCE):
        part = origins.take(np.arange(start, min(start + _WINDOWS_AT_ONCE, len(origins))))
        windows = windows_at(source, part)
        made = pipeline(
            windows, horizons=task.asked, num_inference_steps=steps, num_samples=NUM_SAMPLES, generator=start
        )
        parts.append(made.samples)
    return np.concatenate(parts)
