"""Effects of known covariates on the targets, as tensors: taken off a window, and put back on the horizons.

Inside the graph as well; see :mod:`sssd_registry.data.known`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN, TOLD
from sssd_registry.model.pick_columns import pick_columns


def known_effects(numbers: Tensor, spec: DataSpec, since: Tensor) -> Tensor:
    """Sum of what known numbers ``(B, L, P)`` add to the targets: float64 ``(B, L, C)``.

    Args:
        numbers: as the data have them.
        spec: their effects.
        since: float64 ``(L,)``, bars since the origin: what static numbers' effects are multiplied by.
    """
    total = torch.zeros(*numbers.shape[:-1], len(spec.targets), dtype=torch.float64, device=numbers.device)
    for position, known in enumerate(spec.known):
        number = numbers[..., position : position + 1] - known.center
        terms = torch.cat([number, *((number - knot).clamp(min=0.0) for knot in known.knots)], dim=-1)
        if known.static:
            terms = terms * since.unsqueeze(-1)
        weights = torch.tensor(known.effects, dtype=torch.float64, device=numbers.device)
        total = total + terms @ weights
    return total


def without_effects(values: Mapping[str, Tensor], spec: DataSpec) -> dict[str, Tensor]:
    """Take the effects off the targets of ``{tf: (B, L_tf, V + P)}``: ``{tf: (B, L_tf, V)}``.

    ``values["known"]`` ``(B, H, P)`` become what the horizons are to be moved by, ``(B, H, C)``: of log-returns, which
    begin at the origin, less what the origin has. Under ``values["told"]`` ``(B, L + H, P)`` are the numbers of the
    base bars and of those to come as they were.
    """
    count = len(spec.columns)
    size = _size(values, spec)
    taken = {}
    for timeframe in spec.timeframes:
        raw = values[timeframe.name]
        moved = window_effects(raw, size, timeframe.name, spec)
        taken[timeframe.name] = raw[..., :count] * (-moved).exp() if spec.in_logs else raw[..., :count] - moved
    coming, device = values[KNOWN], values[KNOWN].device
    bars = torch.arange(1, coming.shape[1] + 1, dtype=torch.float64, device=device)
    ahead = size * known_effects(coming, spec, bars)
    here = torch.zeros(1, dtype=torch.float64, device=device)
    last = known_effects(values[spec.base.name][:, -1:, count:], spec, here)
    told = torch.cat([values[spec.base.name][..., count:], coming], dim=1)
    return taken | {KNOWN: ahead - last if spec.target_kind == "log-return" else ahead, TOLD: told}


def with_effects(levels: Tensor, values: Mapping[str, Tensor], timeframe: str, spec: DataSpec) -> Tensor:
    """Undo :func:`without_effects` for ``levels (B, L, V)`` of one timeframe of the raw ``values``."""
    moved = window_effects(values[timeframe], _size(values, spec), timeframe, spec)
    return levels * moved.exp() if spec.in_logs else levels + moved


def window_effects(raw: Tensor, size: Tensor, timeframe: str, spec: DataSpec) -> Tensor:
    """Effects on the columns of a window ``(B, L, V + P)`` of a timeframe: ``(B, L, V)``, 0 but for targets."""
    chosen = torch.zeros(len(spec.targets), len(spec.columns), dtype=torch.float64, device=raw.device)
    chosen[range(len(spec.targets)), list(spec.target_indices)] = 1.0
    (bar,) = (one.seconds / spec.bar_seconds for one in spec.timeframes if one.name == timeframe)
    since = bar * torch.arange(1 - raw.shape[1], 1, dtype=torch.float64, device=raw.device)
    return (size * known_effects(raw[..., len(spec.columns) :], spec, since)) @ chosen


def _size(values: Mapping[str, Tensor], spec: DataSpec) -> Tensor:
    """Unit of effects, ``(B, 1, C)``: 1, but in a panel the size of the window's levels, as series may be of any."""
    levels = pick_columns(values[spec.base.name], spec.target_indices)
    if spec.id is None or spec.in_logs:
        return torch.ones_like(levels[:, :1])
    seen = ~levels.isnan()
    square = torch.where(seen, levels, 0.0).square().sum(dim=1, keepdim=True)
    return torch.sqrt(square / seen.sum(dim=1, keepdim=True).clamp(min=1))
