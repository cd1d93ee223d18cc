"""Normalizer between data units and the network's scale, window by window; inside the exported graph as well.

Differences are taken in float64, as the data come, and only then rounded to float32: a price of 1.08 whose
hourly changes are 1e-4 would lose half of their digits otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec, Timeframe
from sssd_registry.data.windows import KNOWN
from sssd_registry.model.calendar_phase import phase
from sssd_registry.model.changes import STILL_SHARE, Changes
from sssd_registry.model.direct_path import DirectPath
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import growth_points, interpolation
from sssd_registry.model.location_scale import LinearLocationScale
from sssd_registry.model.own_units import own_features, statistics_bars
from sssd_registry.model.pick_columns import pick_columns


class WindowNormalizer(ExactBuffers):
    """Raw windows to features, and targets to and from standard units.

    A target's standard unit at horizon h is ``scale * growth(h)``. ``scale`` is the root mean square of the window's
    one-bar changes (of what is typical, where it stands still). ``growth`` is how much larger changes over h bars are,
    on average over the training data. Changes are differences, or log-returns when the target is a
    log-return.

    Args:
        spec: columns, roles, targets and timeframes.
        linear: standard units are what a linear forecast of location and scale leaves, see
            :class:`LinearLocationScale`, instead of the above.
        direct: that linear forecast may be averaged with a network's, see :class:`DirectPath`.
        streamable: features are in each bar's own units, see :mod:`sssd_registry.model.own_units`.
    """

    growth_horizons: Tensor  # (G,) bars, ascending
    growth: Tensor  # (G, C)

    def __init__(self, spec: DataSpec, linear: bool = False, direct: bool = False, streamable: bool = False) -> None:
        super().__init__()
        self.spec, self.streamable = spec, streamable
        self.movement = Changes(spec)
        points = growth_points(max(spec.horizons))
        channels = len(spec.targets)
        self.register_buffer("growth_horizons", torch.tensor(points, dtype=torch.float32))
        self.register_buffer(
            "growth", torch.tensor(points, dtype=torch.float32).sqrt().unsqueeze(-1).repeat(1, channels)
        )
        self.linear = LinearLocationScale(spec, self.movement, self.growth_horizons) if linear or direct else None
        self.direct = DirectPath(spec, self.movement) if direct else None

    @property
    def num_features(self) -> int:
        """F, the same for every timeframe."""
        levels = len(self.movement.columns("open", "close", "value"))
        masks = len(self.spec.columns) if self.spec.holes else 0
        others = len(self.movement.columns("high", "low", "volume"))
        return 3 * levels + others + masks + 2 * len(self.spec.periods) + 1

    def features(self, values: Mapping[str, Tensor], times: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Windows as :func:`to_tensors` gives them to the encoder's features ``{tf: (B, L_tf, F)}``, float32.

        Args:
            values: ``{tf: (B, L_tf, V)}`` float64; ``2 V`` with masks, see :func:`fill_holes`.
            times: ``{tf: (B, L_tf)}`` int64 seconds.
        """
        return {tf.name: self.timeframe_features(tf, values[tf.name], times[tf.name]) for tf in self.spec.timeframes}

    def timeframe_features(self, timeframe: Timeframe, values: Tensor, times: Tensor) -> Tensor:
        """The same of one timeframe."""
        if self.streamable:
            made = own_features(self.movement, values, statistics_bars(timeframe.lookback))
        else:
            made = self._value_features(values)
        return torch.cat([made, _calendar_features(times, timeframe.seconds, self.spec.periods)], dim=-1)

    def last_features(self, timeframe: Timeframe, values: Tensor, times: Tensor) -> Tensor:
        """The same of the last bar alone, ``(B, 1, F)``, of a model that is streamable.

        Args:
            timeframe: with M bars in a unit.
            values: its last 1 + M, or all of a window that has fewer.
            times: of these.
        """
        made = own_features(self.movement, values, statistics_bars(timeframe.lookback), last=True)
        calendar = _calendar_features(times[:, -2:], timeframe.seconds, self.spec.periods)
        return torch.cat([made, calendar[:, -1:]], dim=-1)

    def _value_features(self, values: Tensor) -> Tensor:
        """Changes, their size and the distance to the last bar, each in units of the window's own movement.

        Highs and lows are told relative to their bar's close, volumes relative to the window's.
        """
        columns = self.movement.columns("open", "close", "value")
        levels = pick_columns(values, columns)  # (B, L, V of levels)
        moved = self.movement.change(levels)
        unit = self.movement.unit(levels, columns, moved)  # (B, 1, V)
        change = (moved / unit).float()
        distance = (self.movement.between(levels[:, -1:], levels) / (unit * levels.shape[1] ** 0.5)).float()
        features = [change, change.abs(), distance]
        if extremes := self.movement.columns("high", "low"):
            closes = [columns.index(close) for close in self.movement.columns("close")]
            close, unit = pick_columns(levels, closes), pick_columns(unit, closes)
            features.append((self.movement.between(close, pick_columns(values, extremes)) / unit).float())
        if volumes := self.movement.columns("volume"):
            features.append(_standardised(pick_columns(values, volumes).clamp(min=0).log1p()))
        if self.spec.holes:
            features.append(values[..., len(self.spec.columns) :].float())
        return torch.cat(features, dim=-1)  # (B, L, F but for the calendar)

    def origin(self, values: Mapping[str, Tensor]) -> Tensor:
        """The targets' last known values, float64 ``(B, C)``."""
        return self._targets(values)[:, -1]

    def scale(self, values: Mapping[str, Tensor]) -> Tensor:
        """The targets' one-bar unit, float64 ``(B, C)``."""
        return self.movement.unit(self._targets(values), self.spec.target_indices)[:, 0]

    def usual(self, values: Mapping[str, Tensor]) -> Tensor:
        """The targets' one-bar movement that is typical in training, float64 ``(B, 1, C)``."""
        return self.movement.usual(self._targets(values), self.spec.target_indices)

    def weight(self, values: Mapping[str, Tensor], full: float = STILL_SHARE) -> Tensor:
        """Weigh windows where errors are in their own units, float64 ``(B, C)``: less where one stands still.

        See :meth:`Changes.weight`.
        """
        return self.movement.weight(self._targets(values), self.spec.target_indices, full)

    def _targets(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the targets' levels, float64 ``(B, L, C)``."""
        return pick_columns(values[self.spec.base.name], self.spec.target_indices)

    def location_scale(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the zero of standard units and how large they are, float64 ``(B, K, C)``, in data units.

        Data units are levels, for a price their logarithms, or for a log-return target that since the origin.
        """
        unit = self.scale(values).unsqueeze(1)  # (B, 1, C)
        location, growth = self.linear_location_scale(values, times, horizons)
        if self.direct is not None and self.direct.in_use:
            location, growth = self.direct.blend((location, growth), values, times, horizons)
        scale = unit * growth  # (B, K, C)
        location = (unit * location).expand_as(scale)
        if KNOWN in values:
            bars = horizons.ceil().long() - 1
            location = location + values[KNOWN].index_select(1, bars)
        if self.spec.target_kind == "log-return":
            return location, scale
        origin = self.origin(values).unsqueeze(1)
        return location + (origin.log() if self.movement.log else origin), scale

    def linear_location_scale(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return location and scale without the direct path, in units of the window's one-bar movement.

        Float64, that broadcast to ``(B, K, C)``; location is that of changes since the origin.
        """
        share = interpolation(self.growth_horizons, horizons)
        if self.linear is None:
            origin = self.origin(values).unsqueeze(1)
            return torch.zeros_like(origin), (share @ self.growth).double()
        location, scale = self.linear(values, times, horizons, share)
        return location, scale

    def standardize(
        self, future: Tensor, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor
    ) -> Tensor:
        """Future levels float64 ``(B, K, C)`` to standard units, float32 ``(B, K, C)``."""
        location, scale = self.location_scale(values, times, horizons)
        if self.spec.target_kind == "log-return":
            future = self.movement.between(self.origin(values).unsqueeze(1), future)
        elif self.movement.log:
            future = future.log()
        return ((future - location) / scale).float()

    def restore(self, standard: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Inverse of ``standardize`` for samples: ``(B, S, K, C)`` to float64 ``(B, S, K, C)``."""
        return standard.double() * scale.unsqueeze(1) + location.unsqueeze(1)

    @torch.no_grad()
    def fit_growth(self, changes: Mapping[int, Sequence[Tensor]], weights: Tensor | None = None) -> None:
        """Set ``growth`` from training data: horizon -> scaled changes ``(n, C)`` over that many bars.

        ``weights (n, C)`` are how much each of them counts, see :func:`robust_rms`.
        """
        for row, horizon in enumerate(int(h) for h in self.growth_horizons):
            self.growth[row] = robust_rms(torch.cat(list(changes[horizon])).double(), weights).float()


def robust_rms(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Root mean square over the first axis ``(n, …)``, in which no value counts for more than six deviations.

    The deviation is the median's, for which a Gaussian has 0.6745. The revaluation of one pegged currency, thousands
    of its days' units, would else be everybody's unit. (The Gaussian of lowest CRPS is narrower where tails are fat,
    and its intervals then cover too little.) ``weights`` are how much each value counts, of the same shape; where none
    does, all do.
    """
    size = values.abs().double()
    counted = torch.ones_like(size) if weights is None else weights.double()
    counted = torch.where(counted.sum(dim=0) > 0, counted, 1.0)
    deviation = torch.nanmedian(size.masked_fill(counted <= 0, torch.nan), dim=0).values / 0.6745
    limit = torch.where(deviation > 0, 6 * deviation, size.amax(dim=0))
    square = (counted * torch.minimum(size, limit).square()).sum(dim=0) / counted.sum(dim=0)
    return square.sqrt().clamp(min=1e-6)


def _calendar_features(times: Tensor, seconds: int, periods: Sequence[int]) -> Tensor:
    """Position in each period as sine and cosine, and the gap before each bar: ``(B, L)`` to ``(B, L, 2 P + 1)``."""
    angle = phase(times, periods)  # (B, L, P)
    gap = torch.cat([torch.zeros_like(times[:, :1]), times[:, 1:] - times[:, :-1] - seconds], dim=1)
    bars = torch.log1p(gap.clamp(min=0).float() / seconds).unsqueeze(-1)  # (B, L, 1)
    return torch.cat([torch.sin(angle), torch.cos(angle), bars], dim=-1)


def _standardised(column: Tensor) -> Tensor:
    """Zero mean and unit variance over the window, ``(B, L, V)`` float32; zero where nothing varies."""
    centred = column - column.mean(dim=1, keepdim=True)
    spread = centred.square().mean(dim=1, keepdim=True).sqrt()
    # A bound and not `+ 1e-8`, which exporters' optimisers take for `+ 0`: a constant column would be 0 / 0.
    return (centred / spread.clamp(min=1e-8)).float()
