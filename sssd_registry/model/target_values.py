"""Values of the data from the scale that a model works on: levels of log levels, within bounds, whole numbers.

All of it is monotone: which sample is higher than which stays, and so do quantiles. Two maps keep samples within a
bound, by what training has seen:

    values on the bound (a count of 0, no rain)   what a forecast has beyond the bound lies on it: a probability of it,
                                                  as in the Tobit model (Tobin 1958)
    none there                                    what comes nearer than d, a twentieth of the least distance seen, is
                                                  bent, and never gets there: d² / (2 d - x) for a distance x below d

The first cannot make the CRPS worse, of any forecast of any value within bounds: all that it takes away is probability
where nothing can be. The second differs from it by less than d.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.exact_buffers import ExactBuffers

# Stands for no bound: an infinity would make NaN of what a graph computes and throws away.
_NO_END = 1e301
# A level that is below it has no logarithm.
_LEAST_LEVEL = 1e-300


class TargetValues(ExactBuffers):
    """See the module's text. Buffers, and nodes in a graph, are there only for what a specification asks for.

    Args:
        spec: kind, bounds and whole numbers of the C targets.

    Attributes:
        margins: float32 ``(2, C)``, from how near to the lower and the upper bound on values are bent; 0 where the
            bound itself is among the values.
    """

    margins: Tensor
    ends: Tensor  # (2, C), the bounds
    whole: Tensor  # bool (C,)

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.log = spec.target_kind == "price"
        self.bounded, self.integers = bool(spec.bounds), bool(spec.integers)
        self._all_whole = set(spec.integers) == set(spec.targets)
        if self.bounded:
            ends = [[_NO_END * sign if end is None else end for end in column]
                    for sign, column in zip((-1, 1), zip(*spec.bounds, strict=True), strict=True)]  # fmt: skip
            self.register_buffer("ends", torch.tensor(ends, dtype=torch.float64), persistent=False)
            self.register_buffer("margins", torch.zeros(2, len(spec.targets)))
        whole = torch.tensor([name in spec.integers for name in spec.targets])
        self.register_buffer("whole", whole, persistent=False)

    @property
    def changes_samples(self) -> bool:
        """Tell whether samples are more than an affine map of standard units, logarithms apart."""
        return self.bounded or self.integers

    def forward(self, scaled: Tensor) -> Tensor:
        """Bring what a model gives, float64 ``(…, C)``, to values of the data."""
        return self.rounded(self.within(self.levels(scaled)))

    def levels(self, scaled: Tensor) -> Tensor:
        """Levels, wherever these lie."""
        return scaled.exp() if self.log else scaled

    def within(self, levels: Tensor) -> Tensor:
        """Values within their bounds."""
        if not self.bounded:
            return levels
        (low, high), (below, above) = self.ends, self.margins.double()
        inside = torch.where(levels < low + below, low + below.square() / (2 * below + low - levels), levels)
        return torch.where(inside > high - above, high - above.square() / (2 * above + inside - high), inside)

    def rounded(self, values: Tensor) -> Tensor:
        """Whole numbers, where a target is one."""
        if not self.integers:
            return values
        return values.round() if self._all_whole else torch.where(self.whole, values.round(), values)

    def scaled(self, values: Tensor) -> Tensor:
        """Values of the data on the scale that a model works on: the inverse, but for bounds and rounding."""
        return values.clamp(min=_LEAST_LEVEL).log() if self.log else values

    def unbent(self, values: Tensor) -> Tensor:
        """Levels of which values near an open bound were made, the inverse of ``within``."""
        if not self.bounded:
            return values
        (low, high), (below, above) = self.ends, self.margins.double()
        outside = torch.where(values > high - above, high - 2 * above + above.square() / (high - values), values)
        outside = torch.where((above > 0) & (values < high), outside, values)
        bent = (below > 0) & (values > low) & (values < low + below)
        return torch.where(bent, low + 2 * below - below.square() / (outside - low), outside)

    @torch.no_grad()
    def set_margins(self, margins: Tensor) -> None:
        """Take margins ``(2, C)``: 0, or at most a quarter of the range."""
        self.margins.copy_(margins)
