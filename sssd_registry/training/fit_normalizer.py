"""Standard units, fitted on the training part before the network is trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from sssd_registry.model.batches import Batch, TrainingData, evenly_spaced, make_batch
from sssd_registry.model.changes import Changes, root_mean_square
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.fit_correlation import fit_correlation
from sssd_registry.training.fit_direct_path import Told, fit_direct_path
from sssd_registry.training.fit_location_scale import fit_location_scale
from sssd_registry.training.fit_target_values import fit_target_values

Array = npt.NDArray[np.float64]

_AT_ONCE, _WINDOWS = 1024, 16_384
# Of a panel's series the one that moves least says what is little, unless it moves this much less than the median one.
_QUIETEST_SERIES = 0.03
# Movement is told as a share of the level where that is so much steadier than movement itself, in log quartiles.
_STEADIER = 0.5
# A level that is 0 says nothing: then this share of what the quietest series moves.
_AT_ZERO = 1e-3


def fit_normalizer(network: SSSDNetwork, data: TrainingData, tell: Told | None = None) -> None:
    """Fit what ``model.location_scale`` says, and then how what it leaves hangs together.

    ``tell`` is told how a long fit goes.
    """
    fit_target_values(network.target_values, data)
    fit_movement(network.normalizer.movement, data)
    if network.normalizer.linear is None:
        fit_growth(network, data)
    else:
        fit_location_scale(network, data)
    if network.normalizer.direct is not None:
        fit_direct_path(network, data, tell)
    fit_correlation(network.correlation, network.normalizer, data)


def fit_growth(network: SSSDNetwork, data: TrainingData) -> None:
    """Set the normaliser's ``growth`` from the training part; windows that stand still count little.

    Where all stand still, nothing is known, and it stays the random walk's.
    """
    normalizer = network.normalizer
    horizons = tuple(int(h) for h in normalizer.growth_horizons)
    unfitted = normalizer.growth.clone()
    normalizer.growth.fill_(1.0)
    changes: dict[int, list[torch.Tensor]] = {h: [] for h in horizons}
    weights: list[torch.Tensor] = []
    for batch in _batches(data, len(data.split.train), horizons):
        standard = normalizer.standardize(batch.future, batch.values, batch.times, batch.horizons)  # (B, K, C)
        weights.append(normalizer.weight(batch.values))
        for column, horizon in enumerate(horizons):
            changes[horizon].append(standard[:, column])
    counted = torch.cat(weights)
    normalizer.fit_growth(changes, counted)
    normalizer.growth.copy_(torch.where(counted.sum(dim=0) > 0, normalizer.growth, unfitted))


@torch.no_grad()
def fit_movement(movement: Changes, data: TrainingData) -> None:
    """Set what is typical of each column: the median movement of the training windows that move at all.

    Of a panel, the median of the series that moves least. Where levels grow a thousandfold, or series are of many
    sizes, movement is rather a share of the level.
    """
    columns = movement.columns("open", "close", "value", "high", "low")
    sizes, levels = [], []
    for batch in _batches(data, _WINDOWS, (1,)):
        window = batch.values[data.spec.base.name][..., columns]  # (B, L, V)
        sizes.append(movement.size(window)[:, 0])
        levels.append(root_mean_square(window)[:, 0])
    origins = evenly_spaced(data.split.train, _WINDOWS)
    size, level, series = torch.cat(sizes).numpy(), torch.cat(levels).numpy(), origins.series
    for position, column in enumerate(columns):
        movement.typical[column], movement.typical_share[column] = _typical(
            size[:, position], level[:, position], series, log=movement.log
        )


def _typical(size: Array, level: Array, series: npt.NDArray[np.int64], log: bool) -> tuple[float, float]:
    """Return the typical change of one column in data units, and as a share of the level; one of them is used, or none.

    Both are 0 if nothing moves.
    """
    moves = (size > 0) & (level > 0)
    if not moves.any():
        return 0.0, 0.0
    size, level, series = size[moves], level[moves], series[moves]
    if log or _spread(size / level) > _STEADIER * _spread(size):
        return _least(_medians(size, series)), 0.0
    return _AT_ZERO * float(_medians(size, series).min()), _least(_medians(size / level, series))


def _medians(size: Array, series: npt.NDArray[np.int64]) -> Array:
    """Return the median of each series."""
    return np.array([np.median(size[series == one]) for one in np.unique(series)])


def _least(medians: Array) -> float:
    """The smallest, but for series that hardly move at all beside the others."""
    return float(max(medians.min(), _QUIETEST_SERIES * np.median(medians)))


def _spread(size: Array) -> float:
    """Return the distance between the quartiles of the logarithm."""
    low, high = np.quantile(np.log(size), [0.25, 0.75])
    return float(high - low)


def _batches(data: TrainingData, count: int, horizons: tuple[int, ...]) -> Iterator[Batch]:
    """Yield batches of at most ``count`` training windows, evenly spaced."""
    origins = evenly_spaced(data.split.train, count)
    for first in range(0, len(origins), _AT_ONCE):
        yield make_batch(data, origins.take(slice(first, first + _AT_ONCE)), horizons, torch.device("cpu"))
