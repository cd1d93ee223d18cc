"""The denoising loss: several noise draws for each encoded window."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sssd_registry.model.batches import Batch
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.training.processes import Share

# In standard units: a revaluation after years of a fixed rate may be thousands, and would be all of the loss.
_FARTHEST = 12.0


def diffuse(schedule: NoiseSchedule, x0: Tensor, eps: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The noised latent and what the network has to predict from it, see :class:`NoiseSchedule`.

    Args:
        schedule: alpha, sigma and prediction type.
        x0: ``(B, 1, K, D)``, clean latents.
        eps: ``(B, S, K, D)``, standard normal.
        t: int64 ``(B, S)``, which of the schedule's T time steps.

    Returns:
        ``z_t`` and the target, both ``(B, S, K, D)``.
    """
    alpha = torch.as_tensor(schedule.alphas, dtype=torch.float32, device=t.device)[t][..., None, None]
    sigma = torch.as_tensor(schedule.sigmas, dtype=torch.float32, device=t.device)[t][..., None, None]
    z = alpha * x0 + sigma * eps
    if schedule.prediction_type == "v_prediction":
        return z, alpha * eps - sigma * x0
    if schedule.prediction_type == "flow_prediction":
        return z, eps - x0
    return z, eps if schedule.prediction_type == "epsilon" else x0.expand_as(z)


def draw_timesteps(windows: int, draws: int, num_train_timesteps: int, generator: torch.Generator) -> Tensor:
    """Draw which of T time steps, int64 ``(B, S)``: uniform, and spread evenly over the draws of a window.

    Low-discrepancy sampling (Kingma et al. 2021, appendix I.1): the loss varies less from step to step.
    """
    offset = torch.rand(windows, 1, generator=generator)
    share = (offset + torch.arange(draws) / draws) % 1.0  # (B, S)
    return (share * num_train_timesteps).long().clamp(max=num_train_timesteps - 1)


def path_latents(network: SSSDNetwork, batch: Batch) -> Tensor:
    """Return what a network learns: latents of the paths that came to be, within twelve units, float32 ``(B, K, D)``.

    ``batch`` has the futures at all of the correlation's points.
    """
    standard = network.normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)
    return network.latents(standard.clamp(-_FARTHEST, _FARTHEST)).clamp(-_FARTHEST, _FARTHEST)


def denoising_loss(
    model: torch.nn.Module,
    network: SSSDNetwork,
    batch: Batch,
    draws: int,
    generator: torch.Generator,
    share: Share | None = None,
) -> Tensor:
    """Mean squared error of the network's prediction, a scalar.

    Args:
        model: ``network``, or what a trainer wrapped it in.
        network: for its normaliser, correlation and schedule.
        batch: B windows, and their futures at the correlation's points.
        draws: S noise draws and time steps for each window.
        generator: on the CPU, so that a run does not depend on the device's random numbers.
        share: of a larger batch that these windows are; noise is drawn for all of that.
    """
    x0 = path_latents(network, batch).unsqueeze(1)  # (B, 1, K, D)
    windows, _, count, size = x0.shape
    share = share or Share(slice(0, windows), windows)
    eps = torch.randn(share.whole, draws, count, size, generator=generator)[share.rows].to(x0.device)
    t = draw_timesteps(share.whole, draws, network.schedule.num_train_timesteps, generator)[share.rows].to(x0.device)
    z, target = diffuse(network.schedule, x0, eps, t)
    predicted = model(batch.values, batch.times, z, t.float() + float(network.schedule.timesteps[0]))
    return weighted_error(predicted.float(), target, network.normalizer.weight(batch.values))


def weighted_error(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error over draws and latents ``(B, S, K, D)``, a scalar; window b counts ``weights[b].mean()``.

    Args:
        weights: ``(B, C)``, less than 1 for windows that stand still: in their units what came to be may be huge.
    """
    error = F.mse_loss(predicted, target, reduction="none").flatten(1).mean(dim=1)  # (B,)
    return (weights.mean(dim=1).to(error.dtype) * error).mean()
