"""Noise of forecasts as tensors: by a seed the same as an engine's (:mod:`sssd_engine.noise`), or a generator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sssd_engine.noise import CENTRAL as CENTRAL
from sssd_engine.noise import LEAST_SHARE as LEAST_SHARE
from sssd_engine.noise import NoiseShape as NoiseShape
from sssd_engine.noise import central_quantile as central_quantile
from sssd_engine.noise import draw_noise
from sssd_engine.noise import tail_quantile as tail_quantile


@dataclass(frozen=True)
class PathNoise:
    """Standard normal noise of S samples of B windows.

    Attributes:
        paths: ``(B, S, P, C)``, what forecasts begin with.
        draws: ``(M, B, S, K, D)``, what a solver draws on its way.
    """

    paths: Tensor
    draws: Tensor

    def of_solver(self, first: Tensor) -> Tensor:
        """Noise as a solver takes it, ``(1 + M, B, S, K, D)``: ``first (B, S, K, D)``, then its draws."""
        return torch.cat([first.unsqueeze(0), self.draws])

    def to(self, device: torch.device) -> PathNoise:
        """The same on a device."""
        return PathNoise(self.paths.to(device), self.draws.to(device))


def path_noise(
    source: torch.Generator | int, first_window: int | Sequence[int], num_windows: int, samples: int, shape: NoiseShape
) -> PathNoise:
    """Noise of some windows, by a seed that stands for the same whatever the batches, or by a torch generator.

    Windows are numbered from ``first_window`` on, or as it says for each; see :func:`~sssd_engine.noise.draw_noise`.
    """
    if isinstance(source, int):
        paths, draws = draw_noise(source, first_window, num_windows, samples, shape)
        return PathNoise(torch.from_numpy(paths), torch.from_numpy(draws).swapaxes(0, 1))
    count, *latent = shape.draws
    return PathNoise(
        *(
            torch.randn(size, generator=source, device=source.device)
            for size in ((num_windows, samples, *shape.paths), (count, num_windows, samples, *latent))
        )
    )
