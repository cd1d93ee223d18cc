"""Distillation: the head is taught to give in one or a few steps, from the same noise, what it gives in twenty.

A deterministic solver turns noise into a sample by one map, and that map can be learnt (Luhman & Luhman 2021,
"Knowledge Distillation in Iterative Generative Models for Improved Sampling Speed", eq. 7; with more than one step it
is what progressive distillation, Salimans & Ho 2022, arrives at, without the rounds in between). The encoder stays as
it is, and the context is computed once for teacher and student; a path's latents are so small beside an image that
the teacher's samples are drawn anew for every step.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from sssd_registry.config import Config
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel
from sssd_registry.data.read_windows import read_scored_windows
from sssd_registry.data.split import split_at
from sssd_registry.data.windows import data_digest
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import Batch, TrainingData
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.sampler import sample, solve
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.storage.distilled import Distilled
from sssd_registry.storage.sampling_defaults import SamplingDefaults
from sssd_registry.training.state import Run, run_of
from sssd_registry.training.train import Loss, Report, examples, learn, place_of, save, training_record
from sssd_registry.training.validation import validation_scores

# Ten steps of UniPC are as near to a hundred as twenty of most others, and half the work.
TEACHER = ("unipc", 10)
MAX_STEPS = 1000
_SETTINGS = {
    "batch_size": 32, "noise_draws": 8, "learning_rate": 1e-3, "lr_schedule": "cosine", "weight_decay": 0.0,
    "ema_decay": 0.99, "mixed_precision": "no", "validate_every": 100, "patience": 10,
}  # fmt: skip


def distill(
    model: str | Path,
    data: Data | Panel,
    out: str | Path,
    *,
    head: Head | None = None,
    scheduler: str | None = None,
    steps: int = 1,
    max_steps: int = MAX_STEPS,
    resume: bool = False,
    report: Report | None = None,
) -> SSSDPipeline:
    """Distil the model in ``model`` into ``out``, and return it; it is sampled by the given solver alone.

    As :func:`~sssd_registry.training.train.train` does, it keeps a checkpoint, can be interrupted and goes on to the
    same bits, and takes the weights of the lowest validation CRPS; the parts are those the model was trained with.

    Args:
        model: folder of the teacher.
        data: frame or file, as it was trained on.
        out: model folder to write.
        head: the teacher's, where it was given from Python.
        scheduler: deterministic, as ``--scheduler`` takes it; default: DDIM, or Euler for flow matching.
        steps: inference steps of the student.
        max_steps: optimiser steps.
        resume: go on from the checkpoint.
        report: told progress and loss after every step.

    Raises:
        SSSDError: bad data, a scheduler that draws noise on its way, a teacher that is distilled or has its network
            left out, or nothing to resume.
        TrainingInterrupted: Ctrl-C.
    """
    model, out = Path(model), Path(out)
    teacher = SSSDPipeline.from_pretrained(model, head=head)
    config, prepared = _setting(model, teacher, data)
    schedule = teacher.network.schedule
    scheduler = scheduler or ("flow-euler" if schedule.is_flow else "ddim")
    fast = _deterministic(scheduler, steps, schedule)
    slow = solver_tableau(make_scheduler(TEACHER[0], schedule), schedule, TEACHER[1])
    training = {**_SETTINGS, "max_steps": max_steps, "scheduler": scheduler, "validation_steps": steps}
    config = config.model_copy(update={"training": config.training.model_copy(update=training)})
    run = run_of(_trainable_head(teacher.network), prepared, config, _fingerprint(teacher.network, prepared, config))
    run.distils = True
    known = teacher.network.to(run.accelerator.device)
    with place_of(run, out) as checkpoint:
        learn(run, make_loss(known.head, slow, fast), fast, checkpoint, resume, report)
        student = Distilled(scheduler=scheduler, steps=steps, teacher_crps=_score(known, slow, run))
        kept = {"distilled": student, "calibration": teacher.record.calibration if teacher.record else None}
        record = training_record(run, config, fast).model_copy(update=kept)
        sampling_defaults = SamplingDefaults(scheduler, steps)
        made = SSSDPipeline(run.network, make_scheduler(scheduler, schedule), record, examples(run), sampling_defaults)
        return save(run, made, out, checkpoint)


def make_loss(teacher: torch.nn.Module, slow: SolverTableau, fast: SolverTableau) -> Loss:
    """Mean squared distance of the student's latents to the teacher's, from the same noise."""

    def loss_of(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
        network = run.network.eval()  # the encoder has to say to the student what it says to the teacher
        with torch.no_grad():
            condition = network.condition(network.encode(batch.values, batch.times))
        shape = (1, run.share.whole, run.config.noise_draws, *network.latent_shape)
        noise = torch.randn(shape, generator=generator)[:, run.share.rows].to(condition.device)
        wanted = sample(lambda z, t: torch.as_tensor(teacher(z, t, condition)), slow, noise)  # (B, S, K, D)
        made = solve(network.denoiser(condition), fast, noise)
        return F.mse_loss(made, wanted)

    return loss_of


def _setting(model: Path, teacher: SSSDPipeline, data: Data | Panel) -> tuple[Config, TrainingData]:
    """The teacher's configuration, and the data split where its own were."""
    record = teacher.record
    if record is None:
        raise SSSDError(f"{model} has no training record, which says where its training data end")
    if record.distilled is not None:
        raise SSSDError(f"{model} is distilled already, for {record.distilled}: distil the model it was made from")
    if not record.network_in_use:
        raise SSSDError(f"{model} forecasts without its network, which training left out: there is nothing to distil")
    source = read_scored_windows(data, teacher.spec, max(teacher.spec.horizons))
    split = split_at(source, teacher.spec, teacher.spec.horizons, record.validation_start, record.test_start)
    return record.config, TrainingData(teacher.spec, source, split)


def _deterministic(scheduler: str, steps: int, schedule: NoiseSchedule) -> SolverTableau:
    tableau = solver_tableau(make_scheduler(scheduler, schedule), schedule, steps)
    if tableau.num_noises > 1:
        raise SSSDError(
            f"{scheduler} draws noise on its way, so that it leads from one noise to many samples: distil for a"
            " deterministic scheduler, such as ddim"
        )
    return tableau


def _score(network: SSSDNetwork, tableau: SolverTableau, run: Run) -> float:
    found = validation_scores(network, tableau, run.data, run.validation_origins, run.validation_sizes, run.processes)
    return float(found.crps.mean())


def _trainable_head(teacher: SSSDNetwork) -> SSSDNetwork:
    """A copy of which nothing but the head takes gradients."""
    network = copy.deepcopy(teacher).requires_grad_(False)
    network.head.requires_grad_(True)
    return network


def _fingerprint(teacher: SSSDNetwork, data: TrainingData, config: Config) -> str:
    """Hash all that makes the student: a checkpoint of another teacher, solver or other data is refused."""
    digest = hashlib.sha256((config.model_dump_json() + data_digest(data.source)).encode())
    for name, tensor in sorted(teacher.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
