"""The training loop: ``train(data, config, out)``."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from torch import Tensor

from sssd_registry.config import Config, TrainingConfig
from sssd_registry.data.windows import data_digest, windows_at
from sssd_registry.folder import TrainingRecord
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.schedulers import make_scheduler, solver_tableau
from sssd_registry.tableau import SolverTableau
from sssd_registry.training.checkpoint import (
    Progress,
    RunState,
    load_checkpoint,
    load_optimizer,
    optimizer_slots,
    save_checkpoint,
)
from sssd_registry.training.dataset import TrainingData, evenly, make_batch, training_data
from sssd_registry.training.loss import denoising_loss, draw_horizons
from sssd_registry.training.mirror import mirrored
from sssd_registry.training.transfer import start_from
from sssd_registry.training.units import fit_units
from sssd_registry.training.validation import random_walk_window, validation_crps

Report = Callable[[Progress, float], None]


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written."""


@dataclass
class Run:
    """Everything that a step changes."""

    data: TrainingData
    config: TrainingConfig
    network: SSSDNetwork
    model: torch.nn.Module
    accelerator: Accelerator
    optimizer: torch.optim.Optimizer
    lr_schedule: Any
    ema: EMAModel
    progress: Progress
    best: dict[str, Tensor]


def train(
    data: pd.DataFrame | str | Path,
    config: Config,
    out: Path,
    *,
    init: str | Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> SSSDPipeline:
    """Train a forecaster, save it to ``out`` and return it.

    A checkpoint is kept beside ``out`` (``out`` + ``.checkpoint``) until training ends; Ctrl-C writes it too.
    Resuming from it gives bit for bit the model of an unbroken run on the same machine.

    Args:
        data: frame or file.
        config: what to train.
        out: model folder to write.
        init: model to start from, a folder or a name on the Hub; see :func:`start_from`.
        resume: go on from the checkpoint.
        report: told progress and loss after every step.

    Raises:
        SSSDError: bad data or configuration, or nothing to resume.
        TrainingInterrupted: Ctrl-C.
    """
    prepared = training_data(data, config.data)
    run = _start(prepared, config, None if resume else init)
    checkpoint = out.with_name(out.name + ".checkpoint")
    if resume:
        _restore(run, *load_checkpoint(checkpoint, run.progress.fingerprint))
    scheduler = make_scheduler(config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, config.training.validation_steps)
    with _interruptible() as interrupted:
        if run.progress.step == 0:
            _validate(run, tableau)  # what training has to improve on, or else is left out
        while not _finished(run):
            loss = _step(run)
            if run.progress.step % config.training.validate_every == 0 or _at_end(run):
                _validate(run, tableau)
                save_checkpoint(checkpoint, run.progress, _state(run))
            if report is not None:
                report(run.progress, loss)
            if interrupted.is_set() and not _finished(run):
                save_checkpoint(checkpoint, run.progress, _state(run))
                raise TrainingInterrupted
    return _finish(run, config, scheduler, out, checkpoint)


def _start(data: TrainingData, config: Config, init: str | Path | None) -> Run:
    training = config.training
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = SSSDNetwork(data.spec, config.model)
    if init is not None:
        start_from(network, init)
    fit_units(network, data)
    accelerator = Accelerator(
        mixed_precision=_precision(training), gradient_accumulation_steps=training.gradient_accumulation_steps
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    model, optimizer = accelerator.prepare(network, optimizer)
    lr_schedule = _lr_schedule(optimizer, training, 0)
    ema = EMAModel(network.parameters(), decay=training.ema_decay)
    progress = Progress(_fingerprint(data, config))
    return Run(data, training, network, model, accelerator, optimizer, lr_schedule, ema, progress, {})


def _lr_schedule(optimizer: torch.optim.Optimizer, training: TrainingConfig, step: int) -> Any:
    """Linear warm-up and half a cosine, as it stands before optimiser step ``step``."""
    return get_cosine_schedule_with_warmup(optimizer, training.warmup_steps, training.max_steps, last_epoch=step - 1)


def _precision(training: TrainingConfig) -> str:
    if training.mixed_precision != "auto":
        return training.mixed_precision
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"


def _fingerprint(data: TrainingData, config: Config) -> str:
    text = config.model_dump_json() + data.spec.model_dump_json() + data_digest(data.source)
    return hashlib.sha256(text.encode()).hexdigest()


def _step(run: Run) -> float:
    """One optimiser step. Everything random in it follows from the seed and the step's number."""
    run.network.train()
    random = np.random.default_rng([run.config.seed, run.progress.step])
    total = 0.0
    for _ in range(run.config.gradient_accumulation_steps):
        horizons = draw_horizons(run.data.spec.horizons, random)
        origins = run.data.split.train
        chosen = origins.take(random.integers(len(origins), size=run.config.batch_size))
        batch = make_batch(run.data, chosen, horizons, run.accelerator.device)
        if run.config.mirror:
            turned = torch.from_numpy(random.random(len(chosen)) < 0.5)
            batch = mirrored(batch, run.data.spec, turned.to(run.accelerator.device))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        with torch.random.fork_rng(), run.accelerator.accumulate(run.model):
            torch.manual_seed(int(random.integers(2**62)))  # for dropout
            loss = denoising_loss(run.model, run.network, batch, run.config.noise_draws, generator)
            run.accelerator.backward(loss)
            if run.accelerator.sync_gradients:
                run.accelerator.clip_grad_norm_(run.network.parameters(), run.config.max_grad_norm)
            run.optimizer.step()
            run.optimizer.zero_grad()
        total += float(loss.detach())
    run.lr_schedule.step()
    run.ema.step(run.network.parameters())
    run.progress.step += 1
    return total / run.config.gradient_accumulation_steps


def _validate(run: Run, tableau: SolverTableau) -> None:
    """Score the averaged weights, and keep them if they are the best so far."""
    run.network.eval()
    origins = evenly(run.data.split.validation, run.config.validation_windows)
    run.ema.store(run.network.parameters())
    run.ema.copy_to(run.network.parameters())
    score = validation_crps(run.network, tableau, run.data, origins)
    progress = run.progress
    progress.history.append((progress.step, score))
    if score < progress.best_crps:
        progress.best_crps, progress.best_step, progress.stale = score, progress.step, 0
        run.best = {name: tensor.detach().clone() for name, tensor in run.network.state_dict().items()}
    else:
        progress.stale += 1
    run.ema.restore(run.network.parameters())


def _at_end(run: Run) -> bool:
    return run.progress.step >= run.config.max_steps


def _finished(run: Run) -> bool:
    return _at_end(run) or run.progress.stale >= run.config.patience


def _state(run: Run) -> RunState:
    slots = optimizer_slots(run.optimizer)
    return RunState(run.network.state_dict(), run.best, run.ema.shadow_params, slots)


def _restore(run: Run, progress: Progress, state: RunState) -> None:
    run.progress, run.best = progress, state.best
    run.network.load_state_dict(state.weights)
    load_optimizer(run.optimizer, state.optimizer)
    run.lr_schedule = _lr_schedule(run.optimizer, run.config, progress.step)
    run.ema.shadow_params = [tensor.to(run.accelerator.device) for tensor in state.ema]
    run.ema.optimization_step = progress.step


def _finish(run: Run, config: Config, scheduler: Any, out: Path, checkpoint: Path) -> SSSDPipeline:
    import shutil

    run.network.load_state_dict(run.best)
    split = run.data.split
    record = TrainingRecord(
        config=config,
        steps=run.progress.step,
        validation_crps=run.progress.best_crps,
        validation_start=split.validation_start,
        test_start=split.test_start,
        random_walk_window=random_walk_window(run.data),
    )
    examples = windows_at(run.data.source, evenly(split.validation, 8))
    pipeline = SSSDPipeline(run.network, scheduler, record, examples)
    pipeline.save_pretrained(out)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return pipeline


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turns Ctrl-C into an event that is looked at between steps; a second Ctrl-C stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach the main thread only
        return
    previous = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, handle)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)
