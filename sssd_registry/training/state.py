"""A training run: what a step changes, and how it is started, stopped and taken up again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers.optimization import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from torch import Tensor

from sssd_registry.config import Config, TrainingConfig
from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import data_digest
from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.gain import Gain
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.batches import TrainingData, evenly_spaced
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.storage.calibrated import Calibrated
from sssd_registry.storage.memory import check_memory
from sssd_registry.training.beside_naive import Validation, look_at_validation
from sssd_registry.training.checkpoint import Progress, RunState, check_fit, load_optimizer, optimizer_slots
from sssd_registry.training.fit_direct_path import Told
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.processes import ALONE, Processes, Share, joined, on_gpus
from sssd_registry.training.transfer import start_from
from sssd_registry.training.validation import ValidationScores, relative_sizes

# Times a validation's windows: those by which it is decided whether the network is kept.
_DECISION = 4
# Of the data, at the last time step: linear betas of 1,000 time steps leave 0.006, cosine's 0.00005.
_LEAST_ALPHA = 1e-3


@dataclass
class Run:
    """Everything that a step changes, and what is the same at every validation, found once.

    The network's units are fitted before a run and are no part of what a step changes.

    Attributes:
        distils: the network is taught by another, and is in use from the start on.
        chosen: scores of the weights that were chosen; None before.
        gains: of the best weights over the start, by score; none before, nor where the start is the best.
        calibration: what it did; None before, or where none is wanted.
        bounds: by target with a bound, how often forecasts lie on it, in words.
        processes: that train together.
    """

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
    start: dict[str, Tensor]
    distils: bool = False
    chosen: ValidationScores | None = None
    gains: dict[str, Gain] = field(default_factory=dict)
    calibration: Calibrated | None = None
    bounds: dict[str, str] = field(default_factory=dict)
    processes: Processes = ALONE

    @property
    def share(self) -> Share:
        """Return what of a batch is this process's."""
        return self.processes.share(self.config.batch_size)

    @cached_property
    def points(self) -> tuple[int, ...]:
        """Bars ahead at which a path's future is looked at."""
        return tuple(int(point) for point in self.network.correlation.points)

    @cached_property
    def validation_origins(self) -> Origins:
        """The windows of every validation."""
        return evenly_spaced(self.data.split.validation, self.config.validation_windows)

    @cached_property
    def validation_sizes(self) -> Array:
        """Standard units of the validation windows, ``(B, K, C)``, beside what is typical."""
        return relative_sizes(self.validation.scale, self.validation_origins)

    @cached_property
    def decision_origins(self) -> Origins:
        """The windows by which it is decided whether the network is kept.

        More than a validation's, since chance is what has to be excluded; and most have not chosen the weights.
        """
        return evenly_spaced(self.data.split.validation, _DECISION * self.config.validation_windows)

    @cached_property
    def decision_sizes(self) -> Array:
        """Standard units of those windows, ``(B, K, C)``, beside what is typical."""
        return relative_sizes(look_at_validation(self.network, self.data, self.decision_origins).scale,
                              self.decision_origins)  # fmt: skip

    @cached_property
    def validation(self) -> Validation:
        """Observed values of the validation windows, and the scores of naive forecasts there."""
        return look_at_validation(self.network, self.data, self.validation_origins)


def start_run(
    data: TrainingData,
    config: Config,
    init: str | Path | None,
    tell: Told | None = None,
    head: HeadSpec | None = None,
) -> Run:
    """A run that trains a new network, with ``head`` in place of the plugin's that ``config`` names.

    Raises:
        SSSDError: the network would have to predict noise where there is nothing else, or does not fit the machine's
            memory; or as :func:`start_from`.
    """
    check_memory(data.spec, config, head)
    with torch.random.fork_rng():
        torch.manual_seed(config.training.seed)
        network = make_network(data.spec, config.model, head)
    _check_prediction(network.schedule)
    if init is not None:
        start_from(network, init, head)
    processes = joined()
    fit_normalizer(network, data, tell if processes.first else None)
    processes.align(network)
    return run_of(network, data, config, _fingerprint(data, config))


def _check_prediction(schedule: NoiseSchedule) -> None:
    """Refuse to predict noise where a time step leaves nothing of the data (Lin et al. 2024, section 3.2).

    Such noise says nothing about the data.

    Sampling begins there, and divides what the network got wrong of the noise by alpha.
    """
    left = float(schedule.alphas[-1])
    if schedule.prediction_type == "epsilon" and left < _LEAST_ALPHA:
        raise SSSDError(
            f"model.prediction_type epsilon does not go with {schedule.beta_schedule} betas, whose last time step"
            f" leaves {left:.2g} of the data: take v_prediction, or model.beta_schedule linear or scaled_linear"
        )


def run_of(network: SSSDNetwork, data: TrainingData, config: Config, fingerprint: str) -> Run:
    """A run that trains what of ``network`` takes gradients; ``fingerprint`` says what a checkpoint belongs to.

    Raises:
        SSSDError: a batch has fewer windows than there are processes, or these cannot work together.
    """
    training, processes = config.training, joined()
    if training.batch_size < processes.count:
        raise SSSDError(
            f"training.batch_size {training.batch_size} is too little for {processes.count} processes, which share its"
            " windows: start fewer of them, or raise it"
        )
    accelerator = Accelerator(
        mixed_precision=_precision(training),
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        cpu=processes.count > 1 and not on_gpus(),
    )
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=training.learning_rate, weight_decay=training.weight_decay)
    model = accelerator.prepare_model(network, evaluation_mode=True)  # not wrapped: gradients are added up by us
    optimizer = accelerator.prepare_optimizer(optimizer)
    schedule = lr_schedule(optimizer, training, 0)
    ema = EMAModel(network.parameters(), decay=training.ema_decay)
    progress = Progress(fingerprint)
    return Run(
        data, training, network, model, accelerator, optimizer, schedule, ema, progress, {}, {}, processes=processes
    )


def lr_schedule(optimizer: torch.optim.Optimizer, training: TrainingConfig, step: int) -> Any:
    """Linear warm-up, then half a cosine or nothing, as it stands before optimiser step ``step``."""
    if training.lr_schedule == "constant_with_warmup":
        return get_constant_schedule_with_warmup(optimizer, training.warmup_steps, last_epoch=step - 1)
    return get_cosine_schedule_with_warmup(optimizer, training.warmup_steps, training.max_steps, last_epoch=step - 1)


def _precision(training: TrainingConfig) -> str:
    if training.mixed_precision != "auto":
        return training.mixed_precision
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"


def _fingerprint(data: TrainingData, config: Config) -> str:
    """Hash all that the result of a run depends on, on the same machine."""
    # Whoever follows a run does not change it.
    config = config.model_copy(update={"training": config.training.model_copy(update={"trackers": ()})})
    text = config.model_dump_json() + data.spec.model_dump_json() + data_digest(data.source)
    return hashlib.sha256(text.encode()).hexdigest()


def at_end(run: Run) -> bool:
    """Tell whether a run has made its optimiser steps."""
    return run.progress.step >= run.config.max_steps


def is_finished(run: Run) -> bool:
    """Tell whether a run is at its end, or was not better for as many validations as its patience."""
    return at_end(run) or run.progress.stale >= run.config.patience


def run_state(run: Run) -> RunState:
    """Collect the tensors that a checkpoint keeps of a run."""
    slots = optimizer_slots(run.optimizer)
    return RunState(run.network.state_dict(), run.best, run.start, run.ema.shadow_params, slots)


def restore(run: Run, progress: Progress, state: RunState) -> None:
    """Put a run where a checkpoint was.

    Raises:
        SSSDError: the checkpoint does not fit the network.
    """
    check_fit(state, run.network)
    run.progress, run.best, run.start = progress, state.best, state.start
    run.network.load_state_dict(state.weights)
    load_optimizer(run.optimizer, state.optimizer)
    run.lr_schedule = lr_schedule(run.optimizer, run.config, progress.step)
    run.ema.shadow_params = [tensor.to(run.accelerator.device) for tensor in state.ema]
    run.ema.optimization_step = progress.step
