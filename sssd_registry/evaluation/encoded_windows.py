"""Windows encoded once, for whatever is then done with solvers: validation, comparison, tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.data.windows import Origins, WindowSource, futures_at, windows_at
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.sampling.noise import draw_noise
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau

# Windows in one pass of the encoder, and floats of noise in one batch of forecasts: 64 MB.
_AT_ONCE, _NOISE_AT_ONCE = 256, 1 << 24


@dataclass(frozen=True)
class EncodedWindows:
    """B windows behind the encoder.

    Attributes:
        network: the model.
        condition: ``(B, K, C)``, what the head sees of them.
        future: float32 or float64 ``(B, K, C)``, what came to be, in standard units.
    """

    network: SSSDNetwork
    condition: Tensor
    future: Tensor

    def __len__(self) -> int:
        return len(self.condition)

    def part(self, start: int, stop: int) -> EncodedWindows:
        """Windows ``start`` to ``stop``."""
        return EncodedWindows(self.network, self.condition[start:stop], self.future[start:stop])

    @property
    def shape(self) -> tuple[int, int]:
        """Horizons K and latent size D."""
        return self.condition.shape[1], self.network.latent_size

    def denoise(self, z: Tensor, t: Tensor) -> Tensor:
        """One call of the head, as the sampler makes it."""
        return torch.as_tensor(self.network.head(z, t, self.condition))

    def forecast(self, tableau: SolverTableau, num_samples: int, seed: int, at_once: int = _NOISE_AT_ONCE) -> Array:
        """Samples in standard units, float64 ``(B, S, K, C)``.

        Window b's noise is ``draw_noise(seed, b)`` whatever the solver, and does not depend on how windows are
        batched to ``at_once`` floats of noise.
        """
        shape = (tableau.num_noises, num_samples, *self.shape)
        batch = max(1, min(at_once // math.prod(shape), len(self)))
        chunks = []
        for first in range(0, len(self), batch):
            chunk = self.part(first, first + batch)
            noise = torch.from_numpy(draw_noise(seed, first, len(chunk), shape)).to(self.condition.device)
            latents = sample(chunk.denoise, tableau, noise)  # (B, S, K, D)
            chunks.append(self.network.codec.decode(latents).double().cpu().numpy())
        return np.concatenate(chunks)

    @property
    def observed(self) -> Array:
        """``future`` as scores take it, float64 ``(B, K, C)``."""
        array: Array = self.future.double().cpu().numpy()
        return array


@torch.no_grad()
def encode_windows(
    network: SSSDNetwork, source: WindowSource, origins: Origins, horizons: Sequence[int]
) -> EncodedWindows:
    """Encode the windows at ``origins``, and standardize what came after them at ``horizons`` bars."""
    device = network.device
    bars = torch.tensor(list(horizons), dtype=torch.float32, device=device)
    conditions, futures = [], []
    for first in range(0, len(origins), _AT_ONCE):
        chunk = origins.take(np.arange(first, min(first + _AT_ONCE, len(origins))))
        values, times = to_tensors(windows_at(source, chunk), device)
        future = torch.from_numpy(futures_at(source, chunk, horizons)).to(device)
        conditions.append(network.condition(network.encode(values, times), bars))
        futures.append(network.normalizer.standardize(future, values, times, bars))
    return EncodedWindows(network, torch.cat(conditions), torch.cat(futures))
