"""Windows encoded once, for whatever is then done with solvers: validation, comparison, tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import WindowSource, futures_at, windows_at
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.paths import standard_paths
from sssd_registry.sampling.noise import path_noise
from sssd_registry.sampling.tableau import SolverTableau

# Windows in one pass of the encoder, and floats of noise in one batch of forecasts: 64 MB.
_AT_ONCE, _NOISE_AT_ONCE = 256, 1 << 24


@dataclass(frozen=True)
class EncodedWindows:
    """B windows behind the encoder.

    Attributes:
        network: the model.
        condition: ``(B, 1 or K, C)``, what the head sees of them.
        bars: K horizons, ``(K,)``.
        future: float32 ``(B, K, C)``, what came to be, in standard units.
        units: location and scale ``(B, K, C)`` of these, where bounds and rounding have a say in forecasts.
    """

    network: SSSDNetwork
    condition: Tensor
    bars: Tensor
    future: Tensor
    units: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.condition)

    def part(self, start: int, stop: int) -> EncodedWindows:
        """Windows ``start`` to ``stop``."""
        rows = slice(start, stop)
        units = None if self.units is None else (self.units[0][rows], self.units[1][rows])
        return EncodedWindows(self.network, self.condition[rows], self.bars, self.future[rows], units)

    def forecast(
        self,
        tableau: SolverTableau,
        num_samples: int,
        seed: int,
        at_once: int = _NOISE_AT_ONCE,
        first_window: int = 0,
    ) -> Array:
        """Paths in standard units, float64 ``(B, S, K, C)``.

        Window b's noise is that of ``seed`` and ``first_window`` + b whatever the solver, and does not depend on how
        windows are batched to ``at_once`` floats of noise.
        """
        shape = self.network.noise_shape(tableau)
        batch = max(1, min(at_once // (num_samples * shape.size), len(self)))
        chunks = []
        for first in range(0, len(self), batch):
            chunk = self.part(first, first + batch)
            noise = path_noise(seed, first_window + first, len(chunk), num_samples, shape).to(self.condition.device)
            paths = standard_paths(self.network, chunk.condition, tableau, self.bars, noise)  # (B, S, K, C)
            if chunk.units is not None:
                paths = self.network.as_seen(paths, *chunk.units)
            chunks.append(paths.double().cpu().numpy())
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
    conditions, futures, units = [], [], []
    for first in range(0, len(origins), _AT_ONCE):
        chunk = origins.take(np.arange(first, min(first + _AT_ONCE, len(origins))))
        values, times = to_tensors(windows_at(source, chunk), network.spec, device)
        future = torch.from_numpy(futures_at(source, chunk, horizons)).to(device)
        conditions.append(network.condition(network.encode(values, times)))
        futures.append(network.normalizer.standardize(future, values, times, bars))
        if network.target_values.changes_samples:
            units.append(network.normalizer.location_scale(values, times, bars))
    both = None
    if units:
        location, scale = (torch.cat(parts) for parts in zip(*units, strict=True))
        both = location, scale
    return EncodedWindows(network, torch.cat(conditions), bars, torch.cat(futures), both)
