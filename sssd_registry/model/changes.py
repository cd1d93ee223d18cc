"""Changes of a window's levels from bar to bar, in differences or log-returns, and the unit that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.pick_columns import pick_columns

# A window's unit is never less than this share of the movement that is typical of its column in training.
_LEAST_SHARE = 0.1
# A window that moves by this share of what is typical, or by more, is not standing still.
STILL_SHARE = 0.3
# Before anything is fitted: relative to the level, and where that is 0, too.
_RELATIVE_FLOOR, _ABSOLUTE_FLOOR = 1e-12, 1e-30


class Changes(ExactBuffers):
    """Changes as the model takes them: differences of levels, or of their logarithms.

    A window that stands still (a sensor that is stuck, a product that is not sold, a closed market) has no movement of
    its own to be a unit. What is typical of each column in training then stands in for it, see
    :func:`sssd_registry.training.fit_normalizer.fit_movement`.

    Args:
        spec: columns, roles and the kind of target.
    """

    typical: Tensor  # float64 (V,), one-bar movement in data units, or 0 before it is fitted
    typical_share: Tensor  # float64 (V,), one-bar movement as a share of the level; 0 where that is no steadier

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.log = spec.in_logs
        self.register_buffer("typical", torch.zeros(len(spec.columns), dtype=torch.float64))
        self.register_buffer("typical_share", torch.zeros(len(spec.columns), dtype=torch.float64))

    def columns(self, *roles: str) -> list[int]:
        """Positions of the columns that have one of the roles."""
        return [index for index, role in enumerate(self.spec.roles) if role in roles]

    def between(self, since: Tensor, to: Tensor) -> Tensor:
        """The change from ``since`` to ``to``."""
        return torch.log(to / since) if self.log else to - since

    def change(self, levels: Tensor) -> Tensor:
        """One-bar changes of ``(B, L, V)``; the first bar's is 0."""
        return torch.cat([torch.zeros_like(levels[:, :1]), self.between(levels[:, :-1], levels[:, 1:])], dim=1)

    def own_units(self, levels: Tensor, columns: Sequence[int], mean: Callable[[Tensor], Tensor]) -> Tensor:
        """A unit for each bar ``(B, L, V)``, with the floors of :meth:`unit`, but of the bars up to it.

        ``mean`` is over these, ``(B, L, V)`` to the same.
        """
        level = torch.ones_like(levels) if self.log else levels.abs()
        typical, share = self.typical[list(columns)], self.typical_share[list(columns)]
        usual = torch.maximum(typical, share * mean(levels.square()).sqrt())
        size = mean(self.change(levels).square()).sqrt()
        floor = torch.maximum(_LEAST_SHARE * usual, _RELATIVE_FLOOR * level)
        return torch.maximum(size, floor).clamp(min=_ABSOLUTE_FLOOR)

    def size(self, levels: Tensor) -> Tensor:
        """Root mean square of the one-bar changes of ``(B, L, V)``: ``(B, 1, V)``, 0 where nothing moved."""
        return root_mean_square(self.change(levels))

    def unit(self, levels: Tensor, columns: Sequence[int], change: Tensor | None = None) -> Tensor:
        """The window's own movement, but not less than a share of what is typical: ``(B, 1, V)``, above zero.

        Args:
            levels: float64 ``(B, L, V)``.
            columns: which of the data's columns the V are.
            change: of the levels, where it is known already.
        """
        size = self.size(levels) if change is None else root_mean_square(change)
        level = torch.ones_like(levels[:, -1:]) if self.log else levels[:, -1:].abs()
        floor = torch.maximum(_LEAST_SHARE * self.usual(levels, columns), _RELATIVE_FLOOR * level)
        return torch.maximum(size, floor).clamp(min=_ABSOLUTE_FLOOR)

    def weight(self, levels: Tensor, columns: Sequence[int], full: float) -> Tensor:
        """Weigh windows in a fit, ``(B, V)``: 1, but less for one that moves little, and 0 for one that does not.

        In units of a window that hardly moves, whatever comes after it is huge. With squares of the movement as
        weights, squared errors count as they are in data units.

        Args:
            full: of what is typical, the share from which on a window counts fully.
        """
        typical = (full * self.usual(levels, columns)).clamp(min=_ABSOLUTE_FLOOR)
        return (self.size(levels) / typical).clamp(max=1.0).square().squeeze(1)

    def usual(self, levels: Tensor, columns: Sequence[int]) -> Tensor:
        """One-bar movement that is typical of series at such levels, ``(B, 1, V)``; 0 before it is fitted."""
        typical, share = (pick_columns(each, columns) for each in (self.typical, self.typical_share))
        return torch.maximum(typical, share * root_mean_square(levels))


def root_mean_square(levels: Tensor) -> Tensor:
    """Return the root mean square over a window ``(B, L, V)``: ``(B, 1, V)``."""
    return torch.sqrt(levels.square().mean(dim=1, keepdim=True))
