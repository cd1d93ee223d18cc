"""Missing values of a window filled from the others in it, and a mask that says which were: inside the graph as well.

    filled = profile of the season + what the nearest observed values differ from it, interpolated in time

The profile is the mean at each place in the season of what the observed values differ from their trend. Before the
first observed value of a window and after the last, the difference stays what it is there: nothing is looked at but
the window.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN, TOLD
from sssd_registry.model.known_effects import with_effects, without_effects

# Seen once at a place in the season, a difference from the trend is half chance.
_DOUBT = 1.0
# Of a column of which a window has no value at all. Not 0: it may be a price, of which logarithms are taken.
_NOTHING = 1.0


def fill_holes(values: Mapping[str, Tensor], spec: DataSpec) -> dict[str, Tensor]:
    """Fill windows ``{tf: (B, L_tf, V)}`` float64 in which NaN is missing.

    Returns:
        ``{tf: (B, L_tf, V)}``, or ``(B, L_tf, 2 V)`` for a model that knows of missing values (``spec.holes``): then
        also 1 where a value was observed, and 0 where it is filled.
    """
    filled = {name: tensor for name, tensor in values.items() if name in (KNOWN, TOLD)}
    for timeframe in spec.timeframes:
        raw = values[timeframe.name]
        season = spec.season * spec.bar_seconds // timeframe.seconds
        whole = season * timeframe.seconds == spec.season * spec.bar_seconds
        seasonal = [role == "value" and not spec.in_logs for role in spec.roles]
        made = filled_window(raw, season if whole else 1, seasonal)
        filled[timeframe.name] = torch.cat([made, (~raw.isnan()).double()], dim=-1) if spec.holes else made
    return filled


def fill_raw(values: Mapping[str, Tensor], spec: DataSpec) -> dict[str, Tensor]:
    """Fill raw windows ``{tf: (B, L_tf, V + P)}`` and leave all else as it was, for what knows of no holes."""
    rest = without_effects(values, spec) if spec.known else values
    made, count = dict(values), len(spec.columns)
    for name, filled in fill_holes(rest, spec).items():
        raw = values[name]
        if name in (KNOWN, TOLD) or not bool(raw.isnan().any()):
            continue
        if spec.known:
            filled = with_effects(filled, values, name, spec)
        whole = torch.where(raw[..., :count].isnan(), filled, raw[..., :count])
        made[name] = torch.cat([whole, raw[..., count:]], dim=-1)
    return made


def filled_window(raw: Tensor, season: int, seasonal: list[bool]) -> Tensor:
    """Fill windows ``(B, L, V)``.

    Args:
        raw: NaN where a value is missing.
        season: bars in a season; windows of less than two, and columns not ``seasonal``, have none.
        seasonal: for each of the V columns.
    """
    seen = ~raw.isnan()
    level = torch.where(seen, raw, 0.0)
    between, any_seen = _interpolated(level, seen)
    if 1 < season <= raw.shape[1] // 2 and any(seasonal):
        uses = torch.tensor(seasonal, dtype=raw.dtype, device=raw.device)
        profile = uses * _profile(level - _trend(between, season), seen, season)
        between = _interpolated(torch.where(seen, level - profile, 0.0), seen)[0] + profile
    return torch.where(seen, raw, torch.where(any_seen, between, _NOTHING))


def _interpolated(level: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Interpolate in time between the observed ones of ``(B, L, V)``; also tell where any was observed at all."""
    before, since, earlier = _nearest(level, seen, backward=False)
    after, until, later = _nearest(level, seen, backward=True)
    between = (before * until + after * since) / (since + until).clamp(min=1.0)
    made = torch.where(earlier & later, between, torch.where(earlier, before, after))
    return torch.where(seen, level, made), earlier | later


def _trend(level: Tensor, season: int) -> Tensor:
    """Mean of the season about each bar, ``(B, L, V)``; at both ends of as much of it as there is."""
    length = level.shape[1]
    total = torch.cat([torch.zeros_like(level[:, :1]), level.cumsum(dim=1)], dim=1)
    place = torch.arange(length)
    first, last = (place - season // 2).clamp(min=0), (place + (season + 1) // 2).clamp(max=length)
    count = (last - first).to(level.dtype).unsqueeze(-1).to(level.device)
    return (total.index_select(1, last.to(level.device)) - total.index_select(1, first.to(level.device))) / count


def _profile(apart: Tensor, seen: Tensor, season: int) -> Tensor:
    """Mean of what lies ``apart (B, L, V)`` from the trend at each place in the season, laid over the window."""
    length = apart.shape[1]
    first = length % season
    counted = _by_season(seen[:, first:], season).to(apart.dtype)  # (B, n, season, V)
    total = (counted * _by_season(apart[:, first:], season)).sum(dim=1)  # (B, season, V)
    place = (torch.arange(length) - first) % season
    return (total / (counted.sum(dim=1) + _DOUBT)).index_select(1, place.to(apart.device))


def _by_season(values: Tensor, season: int) -> Tensor:
    """``(B, n season, V)`` as ``(B, n, season, V)``."""
    return values.reshape(values.shape[0], -1, season, values.shape[2])


def _nearest(values: Tensor, seen: Tensor, backward: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest observed value before (or after) each bar, how many bars off, and whether there is one.

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
