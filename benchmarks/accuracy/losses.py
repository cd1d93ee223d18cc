"""Losses that were tried beside the product's own, uniform in time and of mean squares."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from sssd_registry.model.batches import Batch
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.sampler import solve
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.loss import diffuse, draw_timesteps, standard_futures
from sssd_registry.training.state import Run
from sssd_registry.training.train import Loss, denoise

_GAMMA = 5.0
_SAMPLES = 8


def min_snr_weights(schedule: NoiseSchedule) -> Tensor:
    """float32 ``(T,)`` for a network that predicts v: ``min(SNR, 5) / (SNR + 1)`` (Hang et al. 2023, section 3.4)."""
    ratio = (schedule.alphas / schedule.sigmas) ** 2
    return torch.from_numpy(np.minimum(ratio, _GAMMA) / (ratio + 1)).float()


def min_snr_loss(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
    """The denoising loss, each time step by its weight."""
    weights = min_snr_weights(run.network.schedule)
    t = draw_timesteps(len(batch.future), run.config.noise_draws, len(weights), generator)
    return (weights[t][..., None, None] * _squares(run, batch, t, generator)).mean()


def logit_normal_loss(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
    """The denoising loss with more of the middle time steps (:func:`logit_normal_timesteps`)."""
    total = run.network.schedule.num_train_timesteps
    t = logit_normal_timesteps(len(batch.future), run.config.noise_draws, total, generator)
    return _squares(run, batch, t, generator).mean()


def logit_normal_timesteps(windows: int, draws: int, num_train_timesteps: int, generator: torch.Generator) -> Tensor:
    """int64 ``(B, S)``: the logit of ``t / T`` is standard normal (Esser et al. 2024, eq. 19), evenly drawn."""
    fine = 1 << 20
    uniform = (draw_timesteps(windows, draws, fine, generator).double() + 0.5) / fine
    return (torch.sigmoid(torch.special.ndtri(uniform)) * num_train_timesteps).long()


def _squares(run: Run, batch: Batch, t: Tensor, generator: torch.Generator) -> Tensor:
    """``(B, S, K, D)``: squared errors of the network's prediction at time steps ``t (B, S)``."""
    network = run.network.train()
    x0 = network.codec.encode(standard_futures(network, batch)).unsqueeze(1)  # (B, 1, K, D)
    eps = torch.randn(*t.shape, *x0.shape[2:], generator=generator)
    z, target = diffuse(network.schedule, x0, eps, t)
    told = t.float() + float(network.schedule.timesteps[0])
    return (run.model(batch.values, batch.times, batch.horizons, z, told) - target).square()


def crps_loss(steps: int) -> Loss:
    """CRPS of eight samples that DPM-Solver++ makes in ``steps``, a mean over horizons and targets.

    It is the pinball loss of every quantile, and in one dimension the energy score.
    """

    def loss_of(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
        network = run.network.train()
        tableau = _tableau(network.schedule, steps)
        condition = network.condition(network.encode(batch.values, batch.times), batch.horizons)
        shape = (tableau.num_noises, len(condition), _SAMPLES, condition.shape[1], network.latent_size)
        noise = torch.randn(shape, generator=generator)
        latents = solve(lambda z, t: torch.as_tensor(network.head(z, t, condition)), tableau, noise)
        return fair_crps(network.codec.decode(latents), standard_futures(network, batch))

    return loss_of


@cache
def _tableau(schedule: NoiseSchedule, steps: int) -> SolverTableau:
    """The same for every step of a training."""
    return solver_tableau(make_scheduler("dpmsolver++", schedule), schedule, steps)


def fair_crps(samples: Tensor, observed: Tensor) -> Tensor:
    """Mean CRPS of samples ``(B, S, K, C)``, a scalar: ``E|x - y| - E|x - x'| / 2``, pairs of different ones only."""
    count = samples.shape[1]
    error = (samples - observed.unsqueeze(1)).abs().mean()
    spread = (samples.unsqueeze(1) - samples.unsqueeze(2)).abs().sum(dim=(1, 2)) / (count * (count - 1))
    return error - spread.mean() / 2


def beside_denoising(other: Loss) -> Loss:
    """The sum of the product's loss and another."""

    def loss_of(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
        return denoise(run, batch, generator) + other(run, batch, generator)

    return loss_of
