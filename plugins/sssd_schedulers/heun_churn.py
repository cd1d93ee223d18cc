"""Heun's method with churn (Karras et al. 2022, algorithm 2), as a loop sampler: some noise is added before each step.

Added noise corrects the errors of earlier steps. Nothing here knows of steps, schedulers or tableaus.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sssd_registry.plugin_api.hookspecs import SamplerOptions, SamplerSpec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class HeunChurnOptions(SamplerOptions):
    """Noise of the paper: ``s_churn`` over all steps, between ``s_tmin`` and ``s_tmax``, ``s_noise`` times as large.

    No churn is Heun's method itself.
    """

    s_churn: float = 20.0
    s_tmin: float = 0.05
    s_tmax: float = 50.0
    s_noise: float = 1.0


def sample_heun_churn(
    model: Callable[..., Tensor],
    x: Tensor,
    sigmas: Tensor,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
    s_noise: float = 1.0,
    noise_sampler: Any = None,
) -> Tensor:
    """Sample ``x = x0 + sigma eps`` from ``sigmas[0]`` down to zero.

    Args:
        model: ``(x, sigma (B,)) -> x0``.
        x: noise of deviation ``sigmas[0]``, ``(B, …)``.
        sigmas: ``(N + 1,)``, the last one zero.
        s_churn, s_tmin, s_tmax, s_noise: the paper's.
        noise_sampler: ``(sigma_hat, sigma) -> noise``.
    """
    each = x.new_ones(len(x))
    steps = len(sigmas) - 1
    for sigma, sigma_next in pairwise(sigmas.tolist()):
        gamma = min(s_churn / steps, math.sqrt(2) - 1) if s_tmin <= sigma <= s_tmax else 0.0
        sigma_hat = min(sigma * (1 + gamma), float(sigmas[0]))  # the network may know none above
        if sigma_hat > sigma:
            x = x + math.sqrt(sigma_hat**2 - sigma**2) * s_noise * noise_sampler(sigma_hat, sigma)
        slope = (x - model(x, sigma_hat * each)) / sigma_hat
        euler = x + (sigma_next - sigma_hat) * slope
        if sigma_next > 0:
            slope_next = (euler - model(euler, sigma_next * each)) / sigma_next
            x = x + (sigma_next - sigma_hat) * (slope + slope_next) / 2
        else:
            x = euler
    return x


HEUN_CHURN = SamplerSpec(
    "heun-churn",
    "stochastic, second order, noise added before each step; two network calls a step",
    lambda: sample_heun_churn,
    HeunChurnOptions,
)
