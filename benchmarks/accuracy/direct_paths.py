"""The direct path without a network, beside what it begins with and what it could be: Gaussians in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import entries
import numpy as np
import numpy.typing as npt
import torch
from classical import as_samples
from tasks import Task
from torch import Tensor

from sssd_registry.config import Config
from sssd_registry.data.windows import windows_at
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.direct_path import DirectPath
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.fit_normalizer import fit_normalizer

Array = npt.NDArray[np.float64]

# Raised when a change of the code changes what a fit gives.
REVISION = 1
_AT_ONCE = 256


class WithoutPerceptron(DirectPath):
    """The linear map alone: location follows the window, and scale is in proportion to its deviation."""

    def _perceptron(self, known: Tensor, drop: float) -> Tensor:
        return torch.zeros_like(super()._perceptron(known, drop))


class FromLastValue(DirectPath):
    """The window is told from its last value on, in units of its deviation, and so is the location."""

    def window(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        past, mean, deviation, unit = super().window(values)
        return past, torch.zeros_like(mean), deviation, unit


@dataclass(frozen=True)
class Start:
    """What ``model.location_scale`` says, and what a direct path is exchanged for."""

    location_scale: str
    other: Callable[..., DirectPath] | None = None


STARTS: dict[str, Start] = {
    "Gaussian, linear baseline": Start("linear"),
    "Gaussian, direct path": Start("direct"),
    "Gaussian, direct path without perceptron": Start("direct", WithoutPerceptron),
    "Gaussian, direct path from the last value": Start("direct", FromLastValue),
}


def configuration(task: Task, start: Start) -> Config:
    """Return the configuration that ``sssd train`` would be given; the sizes of its network do not matter."""
    made = entries.start_configuration(task)
    model = made.model.model_copy(update={"location_scale": start.location_scale})
    return made.model_copy(update={"model": model})


def forecast(task: Task, start: Start) -> tuple[Array, dict[str, Any]]:
    """Fit, and forecast the test windows: equally likely quantiles ``(B, S, K, C)``, and facts to keep."""
    network = make_network(task.prepared.spec, configuration(task, start).model)
    if start.other is not None:
        network.normalizer.direct = start.other(task.prepared.spec, network.normalizer.movement)
    fit_normalizer(network, task.prepared)
    direct = network.normalizer.direct
    facts = {} if direct is None else {"share": float(direct.share), "stretch": direct.stretch.tolist()}
    return as_samples(*_units(network, task)), facts


@torch.no_grad()
def _units(network: SSSDNetwork, task: Task) -> tuple[Array, Array]:
    """Location and scale of the test windows, ``(B, K, C)`` each."""
    bars, parts = torch.tensor(task.horizons, dtype=torch.float32), []
    for first in range(0, len(task.origins), _AT_ONCE):
        origins = task.origins.take(slice(first, first + _AT_ONCE))
        raw = to_tensors(windows_at(task.prepared.source, origins), task.prepared.spec, torch.device("cpu"))
        parts.append(torch.stack(network.normalizer.location_scale(*raw, bars)).numpy())
    location, scale = np.concatenate(parts, axis=1)
    return location, scale
