"""From a raw frame to what training, validation and evaluation draw from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sssd_registry.config import DataConfig
from sssd_registry.data.bounds import check_spec
from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import to_panel, without_constants
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.data.split import Split, split_origins
from sssd_registry.data.windows import (
    Origins,
    Windows,
    WindowSource,
    futures_at,
    window_source,
    windows_at,
    without_short,
)


@dataclass(frozen=True)
class TrainingData:
    """A panel cut into training, validation and test origins by time."""

    spec: DataSpec
    source: WindowSource
    split: Split


@dataclass(frozen=True)
class Batch:
    """B windows and their futures at K horizons, as tensors on one device.

    Attributes:
        values, times: as in ``Windows``.
        future: float64 ``(B, K, C)``, levels.
        horizons: ``(K,)`` bars.
    """

    values: dict[str, Tensor]
    times: dict[str, Tensor]
    future: Tensor
    horizons: Tensor


def training_data(data: pd.DataFrame | str | Path, config: DataConfig) -> TrainingData:
    """Read, check and split.

    Raises:
        SSSDError: whatever is wrong with the data, and where.
    """
    frame = read_frame(data, config)
    spec = resolve(config, frame)
    check_spec(spec)
    panel = without_constants(to_panel(frame, spec), spec)
    source = without_short(window_source(panel, spec), max(spec.horizons))
    return TrainingData(spec, source, split_origins(source, spec, spec.horizons))


def make_batch(data: TrainingData, origins: Origins, horizons: tuple[int, ...], device: torch.device) -> Batch:
    """Gather windows and futures for the given origins."""
    windows = windows_at(data.source, origins)
    values, times = to_tensors(windows, device)
    future = torch.from_numpy(futures_at(data.source, origins, horizons)).to(device)
    return Batch(values, times, future, torch.tensor(horizons, dtype=torch.float32, device=device))


def to_tensors(windows: Windows, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """``values`` and ``times`` of windows as tensors."""
    values = {name: torch.from_numpy(array).to(device) for name, array in windows.values.items()}
    times = {name: torch.from_numpy(array).to(device) for name, array in windows.times.items()}
    return values, times


def evenly(origins: Origins, count: int) -> Origins:
    """At most ``count`` of the origins, evenly spaced in time."""
    count = min(count, len(origins))
    return origins.take(np.linspace(0, len(origins) - 1, count).round().astype(np.int64))
