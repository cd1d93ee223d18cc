"""Fit of paths' volatility: as unsure as the range of a path has been in the training part.

White noise that a window's correlation leaves says little of it: what makes a path lively or calm is smooth, and noise
of single bars hides it. So paths are drawn with one volatility after another, until their ranges differ as the observed
ones do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.model.correlation import Correlation
from sssd_registry.model.path_volatility import MOST_SPREAD

# Spreads that are tried, and paths that are drawn for each.
_TRIED, _PATHS = tuple(MOST_SPREAD * step / 5 for step in range(6)), 2000
# Between these shares of windows lies what is compared: wrong readings lie beyond.
_CENTRAL = (0.05, 0.95)
# Where a path does not move at all its range has no logarithm.
_LEAST_RANGE = 1e-6


def fit_path_volatility(correlation: Correlation, standard: Tensor, weights: Tensor) -> None:
    """Set the spread of each target's volatility, after its correlation.

    Args:
        correlation: with all but the volatility fitted.
        standard: residuals at all its points, float32 ``(n, G, C)``, of unit variance.
        weights: ``(n, C)``, how much each window counts.
    """
    targets = standard.shape[2]
    observed = _width(_log_range(standard), weights)  # (C,)
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(1, _PATHS, *correlation.noise_shape, generator=generator)
    normal = correlation.colour(white[:, :, :-1], correlation.rows(correlation.points))
    widths = []
    for spread in _TRIED:
        correlation.volatility.set_spread(torch.full((targets,), spread))
        paths = correlation.lively(normal, white[:, :, -1:])[0]  # (S, G, C)
        widths.append(_width(_log_range(paths), torch.ones(_PATHS, targets)))
    correlation.volatility.set_spread(_where_equal(torch.stack(widths), observed))


def _log_range(paths: Tensor) -> Tensor:
    """Logarithm of highest less lowest, ``(n, G, C)`` to ``(n, C)``."""
    return (paths.amax(dim=1) - paths.amin(dim=1)).clamp(min=_LEAST_RANGE).log()


def _width(values: Tensor, weights: Tensor) -> Tensor:
    """Width ``(C,)`` of what the central nine tenths of ``values (n, C)`` span, by weight; 0 without any."""
    ordered, order = values.sort(dim=0)
    below = weights.gather(0, order).cumsum(dim=0)
    low, high = (_first(ordered, below, level) for level in _CENTRAL)
    return torch.where(below[-1] > 0, high - low, 0.0)


def _first(ordered: Tensor, below: Tensor, level: float) -> Tensor:
    """First of each column that such a share of the weights lies below or at, ``(C,)``."""
    place = torch.searchsorted(below.T.contiguous(), (level * below[-1:]).T.contiguous()).T  # (1, C)
    return ordered.gather(0, place.clamp(max=len(ordered) - 1))[0]


def _where_equal(widths: Tensor, observed: Tensor) -> Tensor:
    """Spreads ``(C,)`` at which ``widths (T, C)`` of those that were tried reach ``observed (C,)``: lines between."""
    tried = torch.tensor(_TRIED)
    rising = widths.cummax(dim=0).values
    after = (rising < observed).sum(dim=0).clamp(1, len(tried) - 1)  # (C,)
    lower, upper = (rising.gather(0, (after - step).unsqueeze(0))[0] for step in (1, 0))
    share = ((observed - lower) / (upper - lower).clamp(min=1e-9)).clamp(0.0, 1.0)
    return torch.lerp(tried[after - 1], tried[after], share)
