"""Effects of known covariates on the targets, as tensors: taken off a window, and put back on the horizons.

Inside the graph as well; see :mod:`sssd_registry.data.known`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN
from sssd_registry.model.pick_columns import pick_columns


def known_effects(numbers: Tensor, spec: DataSpec) -> Tensor:
    """Sum of what known numbers ``(…, P)`` add to the targets: float64 ``(…, C)``."""
    total = torch.zeros(*numbers.shape[:-1], len(spec.targets), dtype=torch.float64, device=numbers.device)
    for position, known in enumerate(spec.known):
        number = numbers[..., position : position + 1] - known.center
        terms = torch.cat([number, *((number - knot).clamp(min=0.0) for knot in known.knots)], dim=-1)
        weights = torch.tensor(known.effects, dtype=torch.float64, device=numbers.device)
        total = total + terms @ weights
    return total


def without_effects(values: Mapping[str, Tensor], spec: DataSpec) -> dict[str, Tensor]:
    """Take the effects off the targets of ``{tf: (B, L_tf, V + P)}``: ``{tf: (B, L_tf, V)}``.

    ``values["known"]`` ``(B, H, P)`` become what the horizons are to be moved by, ``(B, H, C)``: of log-returns, which
    begin at the origin, less what the origin has.
    """
    count = len(spec.columns)
    size = _size(values, spec)
    taken = {}
    for timeframe in spec.timeframes:
        raw = values[timeframe.name]
        moved = window_effects(raw, size, spec)
        taken[timeframe.name] = raw[..., :count] * (-moved).exp() if spec.in_logs else raw[..., :count] - moved
    ahead = size * known_effects(values[KNOWN], spec)
    last = known_effects(values[spec.base.name][:, -1:, count:], spec)
    return taken | {KNOWN: ahead - last if spec.target_kind == "log-return" else ahead}


def with_effects(levels: Tensor, values: Mapping[str, Tensor], timeframe: str, spec: DataSpec) -> Tensor:
    """Undo :func:`without_effects` for ``levels (B, L, V)`` of one timeframe of the raw ``values``."""
    moved = window_effects(values[timeframe], _size(values, spec), spec)
    return levels * moved.exp() if spec.in_logs else levels + moved


def window_effects(raw: Tensor, size: Tensor, spec: DataSpec) -> Tensor:
    """Effects on the columns of a window ``(B, L, V + P)``: ``(B, L, V)``, 0 but for targets."""
    chosen = torch.zeros(len(spec.targets), len(spec.columns), dtype=torch.float64, device=raw.device)
    chosen[range(len(spec.targets)), list(spec.target_indices)] = 1.0
    return (size * known_effects(raw[..., len(spec.columns) :], spec)) @ chosen


def _size(values: Mapping[str, Tensor], spec: DataSpec) -> Tensor:
    """Unit of effects, ``(B, 1, C)``: 1, but in a panel the size of the window's levels, as series may be of any."""
    levels = pick_columns(values[spec.base.name], spec.target_indices)
    if spec.id is None or spec.in_logs:
        return torch.ones_like(levels[:, :1])
    seen = ~levels.isnan()
    square = torch.where(seen, levels, 0.0).square().sum(dim=1, keepdim=True)
    return torch.sqrt(square / seen.sum(dim=1, keepdim=True).clamp(min=1))
