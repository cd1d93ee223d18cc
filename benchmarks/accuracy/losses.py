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
from sssd_registry.training.loss import diffuse, draw_timesteps, path_latents
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
    x0 = path_latents(network, batch).unsqueeze(1)  # (B, 1, K, D)
    eps = torch.randn(*t.shape, *x0.shape[2:], generator=generator)
    z, target = diffuse(network.schedule, x0, eps, t)
    told = t.float() + float(network.schedule.timesteps[0])
    return (run.model(batch.values, batch.times, z, told) - target).square()


def energy_loss(steps: int) -> Loss:
    """Energy score of eight samples' latents that DPM-Solver++ makes in ``steps``."""

    def loss_of(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
        network = run.network.train()
        tableau = _tableau(network.schedule, steps)
        condition = network.condition(network.encode(batch.values, batch.times))
        noise = torch.randn(1, len(condition), _SAMPLES, *network.latent_shape, generator=generator)
        latents = solve(network.denoiser(condition), tableau, noise)
        return fair_energy_score(latents.flatten(2), path_latents(network, batch).flatten(1))

    return loss_of


@cache
def _tableau(schedule: NoiseSchedule, steps: int) -> SolverTableau:
    """The same for every step of a training."""
    return solver_tableau(make_scheduler("dpmsolver++", schedule), schedule, steps)


def fair_energy_score(samples: Tensor, observed: Tensor) -> Tensor:
    """Mean energy score of samples ``(B, S, D)``, a scalar: ``E‖x - y‖ - E‖x - x'‖ / 2``, of different ones only."""
    count = samples.shape[1]
    error = _distance(samples - observed.unsqueeze(1)).mean()
    spread = _distance(samples.unsqueeze(1) - samples.unsqueeze(2)).sum(dim=(1, 2)) / (count * (count - 1))
    return error - spread.mean() / 2


def _distance(difference: Tensor) -> Tensor:
    """Euclidean norm over the last axis, whose gradient is none, and not NaN, where it is 0."""
    return difference.square().sum(dim=-1).clamp(min=1e-12).sqrt()


def beside_denoising(other: Loss) -> Loss:
    """The sum of the product's loss and another."""

    def loss_of(run: Run, batch: Batch, generator: torch.Generator) -> Tensor:
        return denoise(run, batch, generator) + other(run, batch, generator)

    return loss_of
