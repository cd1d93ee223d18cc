"""Windows that the direct path is fitted and judged on: what came to be in them, and how much an error counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sssd_registry.data.origins import Origins
from sssd_registry.data.windows import TOLD
from sssd_registry.model.batches import Batch, TrainingData, evenly_spaced, make_batch
from sssd_registry.model.direct_path import DirectPath
from sssd_registry.model.normalizer import WindowNormalizer

# Windows of the validation part, and times targets and horizons.
_VALIDATED, _MAX_VALUES, _AT_ONCE = 2048, 1 << 23, 256
# Of a window's errors in data units and in its own deviations, the geometric mean counts; but no window for more.
_POWER, _MOST_WEIGHT = 0.5, 10.0
# Windows that deviate by so many times what is typical have a reading in them that is wrong, and say nothing.
_TIMES_TYPICAL = 100.0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class DirectPathFit:
    """Parts of a fit that stay the same; ``farthest`` is the deviation, beside usual movement, of sane windows."""

    normalizer: WindowNormalizer
    direct: DirectPath
    data: TrainingData
    validation: Origins
    farthest: float

    @property
    def horizons(self) -> tuple[int, ...]:
        return tuple(int(point) for point in self.direct.horizons)


def gaussian_crps(location: Tensor, log_scale: Tensor, y: Tensor) -> Tensor:
    """CRPS of Gaussians at ``y``, element by element: Gneiting et al. 2005, eq. 5, as the evaluation's."""
    scale = log_scale.exp()
    z = (y - location) / scale
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    return scale * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


def moved_in(fit: DirectPathFit, batch: Batch) -> Tensor:
    """Changes since the origin in units of the window's one-bar movement, float64 ``(B, K, C)``."""
    normalizer = fit.normalizer
    since = normalizer.origin(batch.values).unsqueeze(1)
    return normalizer.movement.between(since, batch.future) / normalizer.scale(batch.values).unsqueeze(1)


def weigh(fit: DirectPathFit, batch: Batch) -> Tensor:
    """Weigh errors in units of the window's one-bar movement, ``(B, 1, C)``, or ``(B, K, C)`` where some are missing.

    Little in a window that stands still, and nothing in one with a wrong reading of 1e9, or where nothing was observed.
    """
    _, _, deviation, unit = fit.direct.window(batch.values)
    size = _size(fit.normalizer, deviation, batch)
    counted = torch.where(size <= fit.farthest, size.pow(_POWER).clamp(max=_MOST_WEIGHT), 0.0)
    weights = fit.normalizer.weight(batch.values).unsqueeze(1) * counted * unit / deviation
    return weights if batch.observed is None else weights * batch.observed


def _size(normalizer: WindowNormalizer, deviation: Tensor, batch: Batch) -> Tensor:
    """Deviation of each window beside movement that is usual, ``(B, 1, C)``."""
    return deviation / normalizer.usual(batch.values).clamp(min=1e-30)


@torch.no_grad()
def farthest_deviation(normalizer: WindowNormalizer, direct: DirectPath, data: TrainingData) -> float:
    """Many times the median deviation of training windows, beside usual movement."""
    origins, sizes = evenly_spaced(data.split.train, _VALIDATED), []
    for first in range(0, len(origins), _AT_ONCE):
        batch = make_batch(data, origins.take(slice(first, first + _AT_ONCE)), (1,), CPU)
        sizes.append(_size(normalizer, direct.window(batch.values)[2], batch).flatten())
    return _TIMES_TYPICAL * float(torch.cat(sizes).median())


def known_numbers(data: TrainingData) -> Tensor:
    """Gather what is known of the base bars of training windows, ``(n, P)``."""
    origins, parts = evenly_spaced(data.split.train, _VALIDATED), []
    for first in range(0, len(origins), _AT_ONCE):
        batch = make_batch(data, origins.take(slice(first, first + _AT_ONCE)), (1,), CPU)
        parts.append(batch.values[TOLD].flatten(0, 1))
    return torch.cat(parts)


def validation_origins(data: TrainingData) -> Origins:
    """Windows of the validation part, as many as fit, evenly spaced."""
    values = max(data.spec.horizons) * len(data.spec.targets)
    return evenly_spaced(data.split.validation, max(2, min(_VALIDATED, _MAX_VALUES // values)))


def validation_batches(fit: DirectPathFit) -> Iterator[Batch]:
    """Yield the validation windows, at all of the direct path's horizons."""
    for first in range(0, len(fit.validation), _AT_ONCE):
        yield make_batch(fit.data, fit.validation.take(slice(first, first + _AT_ONCE)), fit.horizons, CPU)
