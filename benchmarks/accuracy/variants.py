"""Variants of training our networks: by another configuration, or by what only the benchmark has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from losses import beside_denoising, energy_loss, logit_normal_loss, min_snr_loss
from start_normalizers import from_window, from_yesterday
from tasks import Task

from sssd_registry.config import Config
from sssd_registry.data.windows import windows_at
from sssd_registry.model.batches import TrainingData, to_tensors, training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.fit_correlation import fit_correlation
from sssd_registry.training.fit_normalizer import fit_normalizer
from sssd_registry.training.place import checkpoint_of
from sssd_registry.training.state import Run, run_of
from sssd_registry.training.train import Loss, Report, denoise, examples, learn, train, training_record
from sssd_registry.training.validation import validation_scores


@dataclass(frozen=True)
class Variant:
    """One change to how our networks are trained.

    Attributes:
        settings: of the configuration.
        alter: what is exchanged in a new network before it is trained.
        loss: what it is trained by.
        steps: in which it is validated and forecasts.
        seeds: as many networks; one where the first was worse by two percent or more.
    """

    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    alter: Callable[[SSSDNetwork, TrainingData], None] | None = None
    loss: Loss = denoise
    steps: int = 20
    seeds: tuple[int, ...] = (0, 1, 2)

    @property
    def only_here(self) -> bool:
        """Tell whether ``sssd train`` cannot do it."""
        return self.alter is not None or self.loss is not denoise


POOLED, DISTILLED = "three seeds pooled", "distilled to one step"
# The first two are what the claim that EMA and a schedule of the learning rate train more stably is measured by.
VARIANTS: dict[str, Variant] = {
    "without EMA": Variant({"training": {"ema_decay": 0.0}}),
    "without LR schedule": Variant({"training": {"lr_schedule": "constant_with_warmup"}}),
    "min-SNR weights": Variant(loss=min_snr_loss),
    "more of the middle time steps": Variant(loss=logit_normal_loss),
    "energy score of four steps beside v": Variant(loss=beside_denoising(energy_loss(4))),
    "energy score of one step alone": Variant({"training": {"validation_steps": 1}}, loss=energy_loss(1), steps=1),
    "instance normalisation": Variant(alter=from_window, seeds=(0,)),
    "from yesterday's hours": Variant(alter=from_yesterday, seeds=(0,)),
    "predicting noise with scaled_linear betas": Variant(
        {"model": {"prediction_type": "epsilon", "beta_schedule": "scaled_linear"}}, seeds=(0,)
    ),
    "predicting data": Variant({"model": {"prediction_type": "sample"}}, seeds=(0,)),
    "flow matching": Variant({"model": {"beta_schedule": "flow", "prediction_type": "flow_prediction"}}, seeds=(0,)),
    "three times the learning rate": Variant({"training": {"learning_rate": 3e-3}}),
    "three times the steps": Variant({"training": {"max_steps": 6000}}),
    "twice the context": Variant({"data": {"timeframes": {"1h": 336}}}),
    "in half the components": Variant({"model": {"components": 4}}, seeds=(0,)),
    "in twice the components": Variant({"model": {"components": 16}}, seeds=(0,)),
    POOLED: Variant(seeds=(0,)),
    DISTILLED: Variant(seeds=(0,)),
}
# Of those also from the linear baseline, where nothing of the network's is too little to train: the loss is the score.
FROM_LINEAR = ("energy score of four steps beside v",)


def train_by(variant: Variant, task: Task, config: Config, folder: Path, report: Report) -> tuple[SSSDPipeline, float]:
    """A model trained so, and its validation CRPS in units of the start that ``config`` names."""
    if not variant.only_here:
        pipeline = train(task.frame, config, folder, report=report)
        assert pipeline.record is not None
        return pipeline, pipeline.record.validation_crps
    run, units = _start(variant, config, training_data(task.frame, config.data))
    scheduler = make_scheduler(config.training.scheduler, run.network.schedule)
    tableau = solver_tableau(scheduler, run.network.schedule, config.training.validation_steps)
    learn(run, variant.loss, tableau, checkpoint_of(folder), False, report)
    pipeline = SSSDPipeline(run.network, scheduler, training_record(run, config, tableau), examples(run))
    return pipeline, _validation_crps(run, tableau, units)


def _start(variant: Variant, config: Config, data: TrainingData) -> tuple[Run, WindowNormalizer]:
    """A run of a new network, as ``sssd train`` starts it but for what the variant alters; and the first units."""
    with torch.random.fork_rng():
        torch.manual_seed(config.training.seed)
        network = make_network(data.spec, config.model)
        fit_normalizer(network, data)
        units = network.normalizer
        if variant.alter is not None:
            variant.alter(network, data)
            fit_correlation(network.correlation, network.normalizer, data)
    return run_of(network, data, config, fingerprint=""), units


@torch.no_grad()
def _validation_crps(run: Run, tableau: SolverTableau, units: WindowNormalizer) -> float:
    """Score the chosen weights as training does, but in ``units``."""
    normalizer, origins = run.network.normalizer, run.validation_origins
    scores = validation_scores(run.network, tableau, run.data, origins, run.validation_sizes).standard  # (B, K, C)
    values, times = to_tensors(windows_at(run.data.source, origins), run.data.spec, run.network.device)
    bars = torch.tensor(run.data.spec.horizons, dtype=torch.float32)
    scale, unit = (one.location_scale(values, times, bars)[1].numpy() for one in (normalizer, units))
    return float((scores * scale / unit).mean())
