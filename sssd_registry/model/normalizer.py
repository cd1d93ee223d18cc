"""Between data units and the scale the network works in, window by window; inside the exported graph as well.

Differences are taken in float64, as the data come, and only then rounded to float32: a price of 1.08 whose
hourly changes are 1e-4 would lose half of their digits otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.precision import ExactBuffers

_DAY, _WEEK, _YEAR = 86_400, 604_800, 31_556_952
# 1970 began on a Thursday.
_MONDAY = 3 * _DAY
# A window without any movement has scale 0; its level then sets the unit.
_RELATIVE_FLOOR = 1e-12


class WindowNormalizer(ExactBuffers):
    """Raw windows to features, and targets to and from standard units.

    A target's standard unit at horizon h is ``scale * growth(h)``: ``scale`` is the root mean square of the
    window's one-bar changes, ``growth`` how much larger changes over h bars are, on average over the training
    data. Changes are differences, or log-returns when the target is a log-return.

    Args:
        spec: columns, roles, targets and timeframes.
    """

    growth_horizons: Tensor  # (G,) bars, ascending
    growth: Tensor  # (G, C)

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.log = spec.target_kind == "log-return"
        points = growth_points(max(spec.horizons))
        channels = len(spec.targets)
        self.register_buffer("growth_horizons", torch.tensor(points, dtype=torch.float32))
        self.register_buffer(
            "growth", torch.tensor(points, dtype=torch.float32).sqrt().unsqueeze(-1).repeat(1, channels)
        )

    @property
    def num_features(self) -> int:
        """F, the same for every timeframe."""
        levels = len(self._columns("open", "close", "value"))
        return 3 * levels + len(self._columns("high", "low", "volume")) + 7

    def features(self, values: Mapping[str, Tensor], times: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``{tf: (B, L_tf, V)}`` float64 and ``{tf: (B, L_tf)}`` int64 seconds to ``{tf: (B, L_tf, F)}`` float32."""
        return {
            tf.name: torch.cat(
                [self._value_features(values[tf.name]), _calendar_features(times[tf.name], tf.seconds)],
                dim=-1,
            )
            for tf in self.spec.timeframes
        }

    def _value_features(self, values: Tensor) -> Tensor:
        """Changes, their size and the distance to the last bar, each in units of the window's own movement.

        Highs and lows are told relative to their bar's close, volumes relative to the window's.
        """
        levels = values[..., self._columns("open", "close", "value")]  # (B, L, V of levels)
        unit = self._unit(levels)  # (B, 1, V)
        change = (self._change(levels) / unit).float()
        distance = (self._moved(levels, levels[:, -1:]) / (unit * levels.shape[1] ** 0.5)).float()
        features = [change, change.abs(), distance]
        if extremes := self._columns("high", "low"):
            close = values[..., self._columns("close")]
            features.append((self._moved(values[..., extremes], close) / self._unit(close)).float())
        if volumes := self._columns("volume"):
            features.append(_standardised(values[..., volumes].clamp(min=0).log1p()))
        return torch.cat(features, dim=-1)  # (B, L, F - 7)

    def _columns(self, *roles: str) -> list[int]:
        return [index for index, role in enumerate(self.spec.roles) if role in roles]

    def _moved(self, to: Tensor, since: Tensor) -> Tensor:
        """The change from ``since`` to ``to``, as a difference or a log-return."""
        return torch.log(to / since) if self.log else to - since

    def _change(self, levels: Tensor) -> Tensor:
        """One-bar changes ``(B, L, V)``; the first bar's is 0."""
        return torch.cat([torch.zeros_like(levels[:, :1]), self._moved(levels[:, 1:], levels[:, :-1])], dim=1)

    def _unit(self, levels: Tensor) -> Tensor:
        """Root mean square of the one-bar changes, ``(B, 1, V)``, above zero."""
        square = self._change(levels).square().mean(dim=1, keepdim=True)
        level = torch.ones_like(square) if self.log else levels[:, -1:].abs()
        return torch.sqrt(square) + level * _RELATIVE_FLOOR + 1e-30

    def origin(self, values: Mapping[str, Tensor]) -> Tensor:
        """The targets' last known values, float64 ``(B, C)``."""
        return values[self.spec.base.name][:, -1][:, list(self.spec.target_indices)]

    def scale(self, values: Mapping[str, Tensor]) -> Tensor:
        """The targets' one-bar unit, float64 ``(B, C)``."""
        return self._unit(values[self.spec.base.name][..., list(self.spec.target_indices)])[:, 0]

    def unit_growth(self, horizons: Tensor) -> Tensor:
        """``(K,)`` bars to ``(K, C)``: piecewise linear in log h between the fitted horizons."""
        position = torch.log(horizons.float().clamp(min=1.0))
        grid = torch.log(self.growth_horizons)
        if len(grid) == 1:
            return self.growth.expand(len(horizons), -1)
        right = torch.searchsorted(grid, position).clamp(1, len(grid) - 1)
        left = right - 1
        share = ((position - grid[left]) / (grid[right] - grid[left])).clamp(0, 1).unsqueeze(-1)
        return torch.lerp(self.growth[left], self.growth[right], share)

    def standardize(self, future: Tensor, values: Mapping[str, Tensor], horizons: Tensor) -> Tensor:
        """Future levels float64 ``(B, K, C)`` to standard units, float32 ``(B, K, C)``."""
        moved = self._moved(future, self.origin(values).unsqueeze(1))
        unit = self.scale(values).unsqueeze(1) * self.unit_growth(horizons)  # (B, K, C)
        return (moved / unit).float()

    def restore(self, standard: Tensor, values: Mapping[str, Tensor], growth: Tensor) -> Tensor:
        """Inverse of ``standardize`` for samples: ``(B, S, K, C)`` to float64 data units, ``(B, S, K, C)``.

        Data units are levels, or for a log-return target the log-return since the origin.
        """
        unit = self.scale(values)[:, None, None, :] * growth.double()  # (B, 1, K, C)
        moved = standard.double() * unit
        return moved if self.log else moved + self.origin(values)[:, None, None, :]

    @torch.no_grad()
    def fit_growth(self, changes: Mapping[int, Sequence[Tensor]]) -> None:
        """Set ``growth`` from training data: horizon -> scaled changes ``(n, C)`` over that many bars."""
        for row, horizon in enumerate(int(h) for h in self.growth_horizons):
            square = torch.cat(list(changes[horizon])).double().square().mean(dim=0)
            self.growth[row] = square.sqrt().clamp(min=1e-6).float()


def growth_points(longest: int) -> tuple[int, ...]:
    """The horizons at which growth is fitted: every bar up to 4, then about six for each doubling … at most 40."""
    count = min(longest, 40)
    points = {round(longest ** (i / max(count - 1, 1))) for i in range(count)}
    return tuple(sorted(points | {1, longest}))


def _calendar_features(times: Tensor, seconds: int) -> Tensor:
    """Time of day, week and year as sine and cosine, and the gap before each bar: ``(B, L)`` to ``(B, L, 7)``."""
    periods = torch.tensor([_DAY, _WEEK, _YEAR], device=times.device)
    angle = ((times + _MONDAY).unsqueeze(-1) % periods).float() * (2 * torch.pi / periods.float())  # (B, L, 3)
    gap = torch.cat([torch.zeros_like(times[:, :1]), times[:, 1:] - times[:, :-1] - seconds], dim=1)
    bars = torch.log1p(gap.clamp(min=0).float() / seconds).unsqueeze(-1)  # (B, L, 1)
    return torch.cat([torch.sin(angle), torch.cos(angle), bars], dim=-1)


def _standardised(column: Tensor) -> Tensor:
    """Zero mean and unit variance over the window, ``(B, L, V)`` float32; zero where nothing varies."""
    centred = column - column.mean(dim=1, keepdim=True)
    spread = centred.square().mean(dim=1, keepdim=True).sqrt()
    return (centred / (spread + 1e-8)).float()
