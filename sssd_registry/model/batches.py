"""Windows of the training data as tensors, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sssd_registry.data.origins import Origins
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.training_data import TrainingData as TrainingData
from sssd_registry.data.training_data import training_data as training_data
from sssd_registry.data.windows import KNOWN, Windows, futures_at, observed_at, windows_at
from sssd_registry.model.fill_holes import fill_holes
from sssd_registry.model.known_effects import without_effects


@dataclass(frozen=True)
class Batch:
    """B windows and their futures at K horizons, as tensors on one device.

    Attributes:
        values, times: as in ``Windows``.
        future: float64 ``(B, K, C)``, levels; draws of what was not observed. Less what known covariates add.
        horizons: ``(K,)`` bars.
        observed: float64 ``(B, K, C)``, 1 or 0; None where all of the data's values were.
    """

    values: dict[str, Tensor]
    times: dict[str, Tensor]
    future: Tensor
    horizons: Tensor
    observed: Tensor | None = None


def make_batch(data: TrainingData, origins: Origins, horizons: tuple[int, ...], device: torch.device) -> Batch:
    """Gather windows and futures for the given origins."""
    windows = windows_at(data.source, origins)
    values, times = to_tensors(windows, data.spec, device)
    future = torch.from_numpy(futures_at(data.source, origins, horizons)).to(device)
    if data.spec.known:  # what is learnt is the rest
        moved = values.pop(KNOWN)[:, [horizon - 1 for horizon in horizons]]
        future = future * (-moved).exp() if data.spec.in_logs else future - moved
    observed = None
    if not data.source.complete:
        observed = torch.from_numpy(observed_at(data.source, origins, horizons)).to(device).double()
    bars = torch.tensor(horizons, dtype=torch.float32, device=device)
    return Batch(values, times, future, bars, observed)


def to_tensors(
    windows: Windows, spec: DataSpec, device: torch.device | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """``values`` and ``times`` of windows as the network takes them: tensors, in which no value is missing."""
    values, times = raw_tensors(windows, device)
    if spec.known:
        values = without_effects(values, spec)
    if spec.holes or any(bool(values[timeframe.name].isnan().any()) for timeframe in spec.timeframes):
        values = fill_holes(values, spec)
    return values, times


def raw_tensors(windows: Windows, device: torch.device | None = None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The same as an engine takes them, NaN where a value is missing."""
    values = {name: torch.from_numpy(array).to(device) for name, array in windows.values.items()}
    times = {name: torch.from_numpy(array).to(device) for name, array in windows.times.items()}
    return values, times


def evenly_spaced(origins: Origins, count: int) -> Origins:
    """Return at most ``count`` of the origins, evenly spaced in time."""
    count = min(count, len(origins))
    return origins.take(np.linspace(0, len(origins) - 1, count).round().astype(np.int64))
