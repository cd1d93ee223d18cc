"""The training loop: ``train(data, config, out)``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sssd_registry.config import Config
from sssd_registry.data.other_frames import Data
from sssd_registry.data.windows import Windows, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import remove_directory
from sssd_registry.files.folder_kinds import CHECKPOINT
from sssd_registry.model.batches import Batch, TrainingData, evenly_spaced, make_batch, training_data
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.given_head import Head, head_spec, with_head
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.model_folder import TrainingRecord
from sssd_registry.training.beside_naive import check_start, scores_beside_naive
from sssd_registry.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from sssd_registry.training.fit_calibration import fit_calibration
from sssd_registry.training.fit_direct_path import Told
from sssd_registry.training.loss import denoising_loss
from sssd_registry.training.mirror import mirrored
from sssd_registry.training.on_bounds import on_bounds
from sssd_registry.training.place import alone, checkpoint_of
from sssd_registry.training.score_validation_paths import score_validation_paths
from sssd_registry.training.selection import choose_weights, validate
from sssd_registry.training.shared_dropout import SharedDropout
from sssd_registry.training.state import Run, at_end, is_finished, restore, run_state, start_run
from sssd_registry.training.tracking import find_trackers, followed, told_both
from sssd_registry.training.validation import validation_scores

Report = Callable[[Progress, float], None]
# Of a batch, with a generator on the CPU, so that a run does not depend on the device's random numbers.
Loss = Callable[[Run, Batch, torch.Generator], torch.Tensor]


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the checkpoint was written."""


def train(
    data: Data | TrainingData,
    config: Config,
    out: str | Path,
    *,
    head: Head | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    report: Report | None = None,
    tell: Told | None = None,
) -> SSSDPipeline:
    """Train a forecaster, save it to ``out`` and return it.

    A checkpoint is kept beside ``out`` (``out`` + ``.checkpoint``) until training ends; Ctrl-C writes it too.
    Resuming from it gives bit for bit the model of an unbroken run on the same machine. Of several processes that a
    launcher started each calls this, takes its share of every batch, and is given the model; the first writes.

    Args:
        data: frame or file; or what ``training_data`` made of it with ``config.data``.
        config: what to train.
        out: model folder to write.
        head: factory of a noise head, as a plugin's, ``(latent_size, cond_size, options) -> module``; or a
            ``HeadSpec``, where it has options or looks along tokens. In place of ``config.model.head``.
        init: model to start from, a folder or a name on the Hub; see :func:`start_from`.
        resume: go on from the checkpoint.
        report: told progress and loss after every step; of several processes, the first's.
        tell: told how the fit of the direct path goes, before the first step.

    Raises:
        SSSDError: bad data or configuration, units that forecast worse than naive forecasts, or nothing to resume.
        TrainingInterrupted: Ctrl-C.
    """
    out = Path(out)
    find_trackers(config.training.trackers)  # a wrong name should not cost a fit
    given = None if head is None else head_spec(head)
    config = with_head(config, given)
    prepared = data if isinstance(data, TrainingData) else training_data(data, config.data)
    run = start_run(prepared, config, None if resume else init, tell, given)
    if not resume:
        check_start(run.network, prepared, run.validation_origins, run.validation)
    scheduler = make_scheduler(config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, config.training.validation_steps)
    with place_of(run, out) as checkpoint:
        with followed(run, config, out) as tell_trackers:
            learn(run, denoise, tableau, checkpoint, resume, told_both(tell_trackers, report))
        pipeline = SSSDPipeline(run.network, scheduler, training_record(run, config, tableau), examples(run))
        return save(run, pipeline, out, checkpoint)


def denoise(run: Run, batch: Batch, generator: torch.Generator) -> torch.Tensor:
    """The loss that a model is trained by."""
    run.network.train()
    return denoising_loss(run.model, run.network, batch, run.config.noise_draws, generator, run.share)


def learn(
    run: Run, loss_of: Loss, tableau: SolverTableau, checkpoint: Path, resume: bool, report: Report | None
) -> None:
    """Take steps until no more are due, choose the weights and calibrate; validations sample with ``tableau``.

    Raises:
        SSSDError: nothing to resume.
        TrainingInterrupted: Ctrl-C.
    """
    if resume:
        restore(run, *run.processes.from_first(lambda: load_checkpoint(checkpoint, run.progress.fingerprint)))
    with _interruptible() as interrupted:
        if run.progress.step == 0:
            validate(run, tableau)  # what training has to improve on, or else is left out
        while not is_finished(run):
            loss = take_step(run, loss_of)
            if run.progress.step % run.config.validate_every == 0 or at_end(run):
                validate(run, tableau)
                _keep(run, checkpoint)
            if report is not None and run.processes.first:
                report(run.progress, loss)
            if run.processes.any(interrupted.is_set()) and not is_finished(run):
                _keep(run, checkpoint)
                raise TrainingInterrupted
    choose_weights(run, tableau)
    if not run.distils:  # a student has its teacher's, as all but the head
        run.calibration = fit_calibration(run, tableau)
    if run.calibration is not None:
        run.chosen = None  # scores of what it was before
    run.bounds = on_bounds(run, tableau)


def take_step(run: Run, loss_of: Loss = denoise) -> float:
    """One optimiser step; returns the loss. Everything random in it follows from the seed and the step's number."""
    random = np.random.default_rng([run.config.seed, run.progress.step])
    share, total = run.share, 0.0
    for _ in range(run.config.gradient_accumulation_steps):
        origins = run.data.split.train
        chosen = origins.take(random.integers(len(origins), size=run.config.batch_size))
        batch = make_batch(run.data, chosen.take(share.rows), run.points, run.accelerator.device)
        if run.config.mirror:
            turned = torch.from_numpy(random.random(len(chosen)) < 0.5)[share.rows]
            batch = mirrored(batch, run.data.spec, turned.to(run.accelerator.device))
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        with torch.random.fork_rng(), run.accelerator.accumulate(run.model):
            torch.manual_seed(int(random.integers(2**62)))  # for dropout
            with SharedDropout(share) if run.processes.count > 1 else nullcontext():
                loss = loss_of(run, batch, generator) * share.weight
            run.accelerator.backward(loss)
            total += float(loss.detach())
            if run.accelerator.sync_gradients:
                total = run.processes.add_up(run.network.parameters(), total)
                run.accelerator.clip_grad_norm_(run.network.parameters(), run.config.max_grad_norm)
            run.optimizer.step()
            run.optimizer.zero_grad()
    run.lr_schedule.step()
    run.ema.step(run.network.parameters())
    run.progress.step += 1
    return total / run.config.gradient_accumulation_steps


def training_record(run: Run, config: Config, tableau: SolverTableau) -> TrainingRecord:
    """Record what is to be known of a run, whose weights have been chosen."""
    split, chosen = run.data.split, run.chosen
    if chosen is None:  # weights that were not chosen here, or were calibrated since
        chosen = validation_scores(
            run.network, tableau, run.data, run.validation_origins, run.validation_sizes, run.processes
        )
    return TrainingRecord(
        config=config,
        steps=run.progress.step,
        best_step=run.progress.best_step,
        validation_crps=float(chosen.crps.mean()),
        validation_energy=float(chosen.energy.mean()),
        validation_gains={name: str(one) for name, one in run.gains.items()},
        validation_scores=scores_beside_naive(chosen.standard, run.validation, run.data.spec.targets),
        validation_paths=score_validation_paths(run.network, tableau, run.data, run.validation_origins),
        calibration=run.calibration,
        bounds=run.bounds,
        validation_start=split.validation_start,
        test_start=split.test_start,
        random_walk_window=run.validation.random_walk_window,
    )


def examples(run: Run) -> Windows:
    """A few validation windows, to be kept with the model."""
    return windows_at(run.data.source, evenly_spaced(run.data.split.validation, 8))


def place_of(run: Run, out: Path) -> AbstractContextManager[Path]:
    """Give the checkpoint's place; the first process holds it for all."""
    return alone(out) if run.processes.first else nullcontext(checkpoint_of(out))


def save(run: Run, pipeline: SSSDPipeline, out: Path, checkpoint: Path) -> SSSDPipeline:
    """Write the model, in the first process; the checkpoint has had its time."""
    if run.processes.first:
        pipeline.save_pretrained(out)
        with suppress(SSSDError):  # the model is there: a checkpoint that stays does no harm
            remove_directory(checkpoint, owner=CHECKPOINT)
    run.processes.any(False)  # no process goes on before the model is there
    return pipeline


def _keep(run: Run, checkpoint: Path) -> None:
    """Write the checkpoint, in the first process; none goes on before it is there."""
    if run.processes.first:
        save_checkpoint(checkpoint, run.progress, run_state(run))
    run.processes.any(False)


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
