"""Grid of horizons at which something is fitted, and the weights that make up those in between."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Up to this horizon, in bars, every one has a location of its own; memory grows with their number.
_OWN_LOCATIONS = 1000


def growth_points(longest: int) -> tuple[int, ...]:
    """The horizons, in bars, at which scales are fitted: every bar up to 40, or else about 40 at equal ratios."""
    if longest <= 40:
        return tuple(range(1, longest + 1))
    return tuple(sorted({round(longest ** (i / 39)) for i in range(40)}))


def location_points(horizons: Sequence[int]) -> tuple[int, ...]:
    """The horizons, in bars, that have a location of their own, :func:`growth_points` among them.

    Every bar up to 1,000, and beyond it every trained one: between two of them a daily shape would be lost.
    """
    longest = max(horizons)
    return tuple(sorted({*range(1, min(longest, _OWN_LOCATIONS) + 1), *horizons, *growth_points(longest)}))


def interpolation(points: Tensor, horizons: Tensor) -> Tensor:
    """Return how much of each of G ascending points makes up a horizon, ``(K, G)``: linear in log h, rows sum to 1.

    Written as hat functions because a search does not export.
    """
    if len(points) == 1:
        return torch.ones(len(horizons), 1, device=points.device)
    grid = torch.log(points)
    position = torch.log(horizons.to(grid.dtype)).clamp(grid[0], grid[-1]).unsqueeze(-1)  # (K, 1)
    slope = (position - grid[:-1]) / (grid[1:] - grid[:-1])  # (K, G - 1)
    rise, fall = torch.ones_like(slope[:, :1]), 1 - slope
    return torch.minimum(torch.cat([rise, slope], dim=1), torch.cat([fall, rise], dim=1)).clamp(min=0)
