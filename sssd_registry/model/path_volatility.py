"""A volatility of its own for each path: a calm one or a lively one, where every single horizon stays standard normal.

How wide a path's range is, is not sure even where every horizon's deviation is: windows of the same forecast scale
turn out calm or lively. With ``v`` standard normal and drawn once for a path, in ``x · exp(spread · v)`` all horizons
are larger or smaller together (a stochastic volatility, Clark 1973); what that does to one horizon is undone by the
map from its law to the normal one, as in a copula (Demarta & McNeil 2005, "The t Copula and Related Copulas").
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sssd_registry.model.exact_buffers import ExactBuffers

# Nine paths of ten are then 0.4 to 2.3 times as lively as the middle one. The map to the normal law gets worse beyond.
MOST_SPREAD = 0.5
_TERMS, _FARTHEST = 6, 6.0


class PathVolatility(ExactBuffers):
    """See the module's text. Before it is fitted every path is as lively as every other.

    The map to the normal law is odd; squared, it is a polynomial in ``log(1 + x²)``.

    Args:
        targets: C.

    Attributes:
        spread: float32 ``(C,)``, standard deviation of a path's log volatility; 0 to 0.5.
        terms: float32 ``(6, C)``, of the polynomial, lowest power first.
        farthest: float32 ``(C,)``, ``log(1 + x²)`` of what is mapped to six deviations, the largest there is.
    """

    spread: Tensor
    terms: Tensor
    farthest: Tensor

    def __init__(self, targets: int) -> None:
        super().__init__()
        self.register_buffer("spread", torch.zeros(targets))
        self.register_buffer("terms", torch.zeros(_TERMS, targets))
        self.register_buffer("farthest", torch.zeros(targets))

    def forward(self, normal: Tensor, volatility: Tensor) -> Tensor:
        """Standard normal paths ``(B, S, K, C)``, given ``volatility (B, S, 1, C)``, standard normal, to such ones."""
        scaled = normal * torch.exp(self.spread * volatility)
        power = torch.minimum(torch.log1p(scaled * scaled), self.farthest)  # as a power it is slow in engines
        square = torch.zeros_like(power)
        for term in self.terms.flip(0):  # Horner
            square = (square + term) * power
        own = (self.spread > 0).to(normal.dtype)
        return own * scaled.sign() * square.clamp(min=0).sqrt() + (1 - own) * normal

    @torch.no_grad()
    def set_spread(self, spread: Tensor) -> None:
        """Take spreads ``(C,)``, of which none is taken for more than :data:`MOST_SPREAD`."""
        self.spread.copy_(spread.clamp(0.0, MOST_SPREAD))
        for target, one in enumerate(self.spread.tolist()):
            terms, farthest = _normal_map(one)
            self.terms[:, target], self.farthest[target] = torch.from_numpy(terms).float(), farthest


def _normal_map(spread: float) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """The polynomial's terms, and ``log(1 + x²)`` of the last x that they were fitted on."""
    from scipy import stats  # for a fit alone: it takes as long to import as a forecast does

    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    x = np.concatenate([np.linspace(0.01, 4, 400), np.geomspace(4, _FARTHEST * np.exp(4 * spread), 300)])
    beyond = stats.norm.sf(x[:, None] * np.exp(-spread * nodes)) @ weights / weights.sum()
    y = stats.norm.isf(beyond)
    x, y = x[y < _FARTHEST], y[y < _FARTHEST]
    power = np.log1p(x**2)
    powers = power[:, None] ** np.arange(1, _TERMS + 1)
    terms, *_ = np.linalg.lstsq(powers / y[:, None], y, rcond=None)  # an error of y² / y is one of 2 y
    return terms, float(power[-1])
