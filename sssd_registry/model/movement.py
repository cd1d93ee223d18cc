"""What a window's levels did from bar to bar, in differences or log-returns."""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec

# A window without any movement has unit 0; its level then sets the unit.
_RELATIVE_FLOOR = 1e-12


class Movement:
    """Changes as the targets are forecast: differences of levels, or of their logarithms.

    Args:
        spec: columns, roles and the kind of target.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.log = spec.target_kind == "log-return"

    def columns(self, *roles: str) -> list[int]:
        """Positions of the columns that have one of the roles."""
        return [index for index, role in enumerate(self.spec.roles) if role in roles]

    def between(self, since: Tensor, to: Tensor) -> Tensor:
        """The change from ``since`` to ``to``."""
        return torch.log(to / since) if self.log else to - since

    def change(self, levels: Tensor) -> Tensor:
        """One-bar changes of ``(B, L, V)``; the first bar's is 0."""
        return torch.cat([torch.zeros_like(levels[:, :1]), self.between(levels[:, :-1], levels[:, 1:])], dim=1)

    def unit(self, levels: Tensor) -> Tensor:
        """Root mean square of the one-bar changes, ``(B, 1, V)``, above zero."""
        square = self.change(levels).square().mean(dim=1, keepdim=True)
        level = torch.ones_like(square) if self.log else levels[:, -1:].abs()
        return torch.sqrt(square) + level * _RELATIVE_FLOOR + 1e-30
