"""Strata of samples: of S of them, one in each of S equally likely parts of the standard normal law.

Sums of stratified noises are not stratified, and the quantiles of 100 such samples are as rough as those of 100
independent ones. Ranks put it right: at each horizon, and of each target, the sample of rank r is moved into the r-th
part, and stays in the same place of it that it had between its neighbours. Which sample is high where, the dependence,
is in the ranks (Latin hypercube sampling with dependence: Packham & Schmidt 2010, "Latin hypercube sampling with
dependence and applications in finance").

The place between two neighbours is uniform whatever these are. So each sample by itself is exactly standard normal, of
any S: one alone stays where it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.sampling.noise import CENTRAL, LEAST_SHARE, central_quantile, tail_quantile

# Below it a distance between neighbours is none.
_LEAST = 1e-300


def stratified(normal: Tensor) -> Tensor:
    """Standard normal samples ``(B, S, K, C)``, float64, to stratified ones, float32.

    Float64, since of two samples that are nearly the same each may be the higher one, in another order of sums.
    """
    strata, sample = ordered_strata(normal)
    return torch.zeros_like(strata).scatter(-1, sample, strata).movedim(-1, 1).contiguous()


def ordered_strata(normal: Tensor) -> tuple[Tensor, Tensor]:
    """The values of :func:`stratified`, ascending, float32 ``(B, K, C, S)``, and which sample each is, int64."""
    size = normal.shape[1]
    ordered, sample = torch.sort(normal.movedim(1, -1), dim=-1)  # (B, K, C, S)
    share = normal_share(ordered)
    below = torch.cat([torch.zeros_like(share[..., :1]), share[..., :-1]], dim=-1)
    above = torch.cat([share[..., 1:], torch.ones_like(share[..., :1])], dim=-1)
    place = (share - below) / (above - below).clamp(min=_LEAST)
    rank = torch.arange(size, device=normal.device)
    return normal_quantile(((rank + place) / size - 0.5).float()), sample


def normal_share(x: Tensor) -> Tensor:
    """The standard normal's distribution function, to 8e-8, of what every runtime has in float64 (no ``erf``).

    Zelen & Severo 1964, in Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.2.17.
    """
    t = 1 / (1 + 0.2316419 * x.abs())
    terms = (((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.319381530
    beyond = torch.exp(-0.5 * x * x) * (terms * t / (2 * torch.pi) ** 0.5)
    return torch.where(x > 0, 1 - beyond, beyond)


def normal_quantile(q: Tensor) -> Tensor:
    """The standard normal's quantile function at ``q + 1/2``, float32, with q in [-1/2, 1/2].

    The same as of noise, :func:`sssd_engine.noise.normal_quantile`.
    """
    depth = -torch.log((0.5 - q.abs()).clamp(min=LEAST_SHARE))
    return torch.where(q.abs() > CENTRAL, q.sign() * tail_quantile(torch.sqrt(depth)), central_quantile(q))
