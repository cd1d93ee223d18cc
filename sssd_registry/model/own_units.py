"""Features of each bar in units of the bars before it, so that a bar is told once and for all.

The usual features are in units of the whole window, and of its last bar: with every new bar those of all others change,
and an encoder has to read the window anew. These look back over M bars and no further. Together with layers that reach
back R bars each (:class:`~sssd_registry.model.s4d.S4D`), what an encoder says of a bar depends on the last

    1 + M + layers (R - 1) <= L

bars, all of which a window of L holds. So an engine that is fed bar by bar gives what one gives that is fed windows.

Sums over M bars are made by doubling, M is a power of two: the same numbers are added in the same order wherever in a
window a bar stands, and nothing is ever subtracted again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from sssd_registry.model.changes import Changes

# Standard deviation of log(1 + volume) that counts as none.
_STILL = 1e-6


def statistics_bars(lookback: int) -> int:
    """M, over which a bar's unit is taken: the largest power of two within half of the lookback, or 1."""
    return 1 << max(0, (lookback // 2).bit_length() - 1)


def layer_reach(lookback: int, num_layers: int) -> int:
    """R, bars that each layer of a stack looks at, its own among them."""
    return 1 + max(0, lookback - 1 - statistics_bars(lookback)) // num_layers


def own_features(movement: Changes, values: Tensor, span: int, last: bool = False) -> Tensor:
    """Changes, their size and the distance to the mean, each in units of the M bars up to its own; as many as usual.

    Highs and lows are told relative to their bar's close, volumes relative to the same M bars. A window's first bars
    have fewer before them.

    Args:
        movement: the normaliser's.
        values: float64 ``(B, L, V)``; ``2 V`` with masks.
        span: M.
        last: of the last bar only, whose 1 + M bars, or as many as a window has, are all of L.

    Returns:
        float32 ``(B, L, F but for the calendar)``, or ``(B, 1, …)`` of the last bar.
    """
    mean = functools.partial(_last_mean if last else _mean, span=span)
    columns = movement.columns("open", "close", "value")
    levels = values[..., columns]  # (B, L, V of levels)
    unit = movement.own_units(levels, columns, mean)
    change = movement.change(levels) / unit
    features = [change, change.abs(), movement.between(mean(levels), levels) / (unit * span**0.5)]
    if extremes := movement.columns("high", "low"):
        close = values[..., closes := movement.columns("close")]
        unit = movement.own_units(close, closes, mean)
        features.append(movement.between(close, values[..., extremes]) / unit)
    if volumes := movement.columns("volume"):
        in_order = functools.partial(_last_mean_in_order if last else _mean, span=span)
        features.append(_standardised(values[..., volumes].clamp(min=0).log1p(), in_order))
    if movement.spec.holes:
        features.append(values[..., len(movement.spec.columns) :])
    return torch.cat([feature[:, -1:] if last else feature for feature in features], dim=-1).float()


def _standardised(column: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """Zero mean and unit variance over the M bars up to each; zero where nothing varies.

    Squares cancel where little does: ``mean`` has to add in the order of :func:`_mean`.
    """
    middle, square = mean(torch.cat([column, column.square()], dim=-1)).chunk(2, dim=-1)
    spread = (square - middle.square()).clamp(min=0).sqrt()
    return (column - middle) / spread.clamp(min=_STILL)


def _last_mean_in_order(values: Tensor, span: int) -> Tensor:
    """Mean of the last M bars of ``(B, L, V)``, ``(B, 1, V)``, to the bit as :func:`_mean` has it; L is M or more."""
    total = values[:, -span:]
    while total.shape[1] > 1:
        total = total[:, ::2] + total[:, 1::2]
    return total / span


def _last_mean(values: Tensor, span: int) -> Tensor:
    """Mean of the last M bars of ``(B, L, V)``, ``(B, 1, V)``; of all, where there are fewer."""
    return values[:, -span:].mean(dim=1, keepdim=True)


def _mean(values: Tensor, span: int) -> Tensor:
    """Mean of the M bars up to each of ``(B, L, V)``, of a window's first bars of as many as there are."""
    length, total, step = values.shape[1], values, 1
    while step < min(span, length):
        nothing = torch.zeros_like(total[:, :step])
        total = total + torch.cat([nothing, total[:, :-step]], dim=1)
        step *= 2
    count = torch.arange(1, length + 1, device=values.device).clamp(max=span).to(values.dtype)
    return total / count.unsqueeze(-1)
