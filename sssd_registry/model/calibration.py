"""A monotone map of paths' standard units, so that intervals cover what they say: fitted on the validation part.

The standard normal's quantiles at 5, 25, 75 and 95 % become others, of each horizon and target; between and beyond them
the map is linear. A forecast's ranks stay, and with them what joins horizons and targets; so do its strata. Fat tails
make the middle narrower and the outside wider, skewness makes both sides differ.

Recalibration by what is observed where a forecast has its quantiles is Kuleshov et al. 2018, "Accurate Uncertainties
for Deep Learning Using Calibrated Regression"; of intervals alone it is conformal prediction (Romano et al. 2019,
"Conformalized Quantile Regression").
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import growth_points, interpolation

# Levels whose quantiles are moved, and where the standard normal has them.
LEVELS = (0.05, 0.25, 0.75, 0.95)
INNER, OUTER = 0.67448975, 1.64485363
NORMAL = (-OUTER, -INNER, INNER, OUTER)


class Calibration(ExactBuffers):
    """See the module's text. Before it is fitted it changes nothing, and takes no part in a graph.

    Args:
        spec: trained horizons and targets.

    Attributes:
        fitted: float32 ``()``, 1 once it is fitted, else 0.
        quantiles: float32 ``(G, 4, C)``, what the normal's quantiles become, ascending; between two of the horizons
            that scales are fitted at they are interpolated, as scales are.
        in_use: follows ``fitted``, when weights are loaded as well.
    """

    points: Tensor  # (G,) bars
    fitted: Tensor
    quantiles: Tensor

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        points = torch.tensor(growth_points(max(spec.horizons)), dtype=torch.float32)
        normal = torch.tensor(NORMAL).unsqueeze(-1)  # (4, 1)
        self.in_use = False
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("fitted", torch.zeros(()))
        self.register_buffer("quantiles", normal.repeat(len(points), 1, len(spec.targets)))

    def rows(self, bars: Tensor) -> Tensor:
        """Offset and slopes at any horizons ``(K,)``, for :meth:`forward`: ``(4, K, C)``.

        The slopes are those of the middle half, below it and above it.
        """
        lowest, low, high, highest = torch.einsum("kg,gqc->qkc", interpolation(self.points, bars), self.quantiles)
        outer = OUTER - INNER
        middle = (high - low) / (2 * INNER)
        return torch.stack([(low + high) / 2, middle, (low - lowest) / outer, (highest - high) / outer])

    def forward(self, standard: Tensor, rows: Tensor) -> Tensor:
        """Paths in standard units ``(B, S, K, C)`` to calibrated ones, of the same dtype."""
        if not self.in_use:
            return standard
        offset, middle, below, above = rows.to(standard.dtype)
        inside = standard.clamp(-INNER, INNER)
        outside = standard - inside
        moved: Tensor = offset + middle * inside + below * outside.clamp(max=0) + above * outside.clamp(min=0)
        return moved

    @torch.no_grad()
    def set_quantiles(self, quantiles: Tensor) -> None:
        """Take quantiles ``(G, 4, C)``, strictly ascending."""
        self.quantiles.copy_(quantiles)
        self.fitted.fill_(1.0)
        self.in_use = True

    @torch.no_grad()
    def reset(self) -> None:
        """Change nothing again."""
        self.quantiles.copy_(torch.tensor(NORMAL).unsqueeze(-1).expand_as(self.quantiles))
        self.fitted.zero_()
        self.in_use = False

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.in_use = self.fitted.device.type != "meta" and bool(self.fitted > 0)
