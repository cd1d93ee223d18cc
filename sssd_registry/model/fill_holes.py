"""Missing values of a window filled from the others in it, and a mask that says which were: inside the graph as well.

    filled = profile of the season + what the nearest observed values differ from it, interpolated in time

The profile is the window's mean at each place in the season, as far as that was observed. Before the first observed
value of a window and after the last, the difference stays what it is there: nothing is looked at but the window.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec

# Seen once at a place in the season, a difference from the window's mean is half chance.
_DOUBT = 1.0
# Of a column of which a window has no value at all. Not 0: it may be a price, of which logarithms are taken.
_NOTHING = 1.0


def fill_holes(values: Mapping[str, Tensor], spec: DataSpec) -> dict[str, Tensor]:
    """Fill windows ``{tf: (B, L_tf, V)}`` float64 in which NaN is missing.

    Returns:
        ``{tf: (B, L_tf, V)}``, or ``(B, L_tf, 2 V)`` for a model that knows of missing values (``spec.holes``): then
        also 1 where a value was observed, and 0 where it is filled.
    """
    filled = {}
    for timeframe in spec.timeframes:
        raw = values[timeframe.name]
        season = spec.season * spec.bar_seconds // timeframe.seconds
        whole = season * timeframe.seconds == spec.season * spec.bar_seconds
        seasonal = [role == "value" and spec.target_kind == "level" for role in spec.roles]
        made = filled_window(raw, season if whole else 1, seasonal)
        filled[timeframe.name] = torch.cat([made, (~raw.isnan()).double()], dim=-1) if spec.holes else made
    return filled


def filled_window(raw: Tensor, season: int, seasonal: list[bool]) -> Tensor:
    """Fill windows ``(B, L, V)``.

    Args:
        raw: NaN where a value is missing.
        season: bars in a season; windows of less than two, and columns not ``seasonal``, have none.
        seasonal: for each of the V columns.
    """
    seen, length = ~raw.isnan(), raw.shape[1]
    level = torch.where(seen, raw, 0.0)
    profile = torch.zeros_like(level)
    if 1 < season <= length // 2 and any(seasonal):
        profile = _profile(level, seen, season) * torch.tensor(seasonal, dtype=raw.dtype, device=raw.device)
    rest = torch.where(seen, level - profile, 0.0)
    before, since, earlier = _nearest(rest, seen, backward=False)
    after, until, later = _nearest(rest, seen, backward=True)
    between = (before * until + after * since) / (since + until).clamp(min=1.0)
    made = torch.where(earlier & later, between, torch.where(earlier, before, after)) + profile
    return torch.where(seen, raw, torch.where(earlier | later, made, _NOTHING))


def _profile(level: Tensor, seen: Tensor, season: int) -> Tensor:
    """Differences of the places in a season from the window's mean, laid over the window: ``(B, L, V)``."""
    length = level.shape[1]
    first = length % season
    seasons = level[:, first:].unflatten(1, (-1, season))  # (B, n, season, V)
    counted = seen[:, first:].unflatten(1, (-1, season)).to(level.dtype)
    count = counted.sum(dim=1)  # (B, season, V)
    mean = seasons.sum(dim=(1, 2)) / counted.sum(dim=(1, 2)).clamp(min=1.0)  # (B, V)
    differs = (seasons.sum(dim=1) - count * mean.unsqueeze(1)) / (count + _DOUBT)
    place = (torch.arange(length) - first) % season
    return differs.index_select(1, place.to(level.device))


def _nearest(values: Tensor, seen: Tensor, backward: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest observed value before each bar (or after it), how many bars off it is, and whether there is one.

    By doubling: after a step of 1, 2, 4, … bars, whatever is that near has been found.
    """
    apart, step = torch.zeros_like(values), 1
    while step < values.shape[1]:
        reached = _shifted(seen, step, backward)
        take = ~seen & reached
        values = torch.where(take, _shifted(values, step, backward), values)
        apart = torch.where(take, _shifted(apart, step, backward) + step, apart)
        seen = seen | reached
        step *= 2
    return values, apart, seen


def _shifted(values: Tensor, step: int, backward: bool) -> Tensor:
    """``values (B, L, V)`` of ``step`` bars earlier (or later); 0 where there are none."""
    nothing = torch.zeros_like(values[:, :step])
    return torch.cat([values[:, step:], nothing] if backward else [nothing, values[:, :-step]], dim=1)
