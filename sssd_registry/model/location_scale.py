"""A linear forecast of location and scale, fitted before the network: diffusion then models what is left of it.

In units of the window's own one-bar movement, at horizon h and for each target by itself,

    location = W_h(hour) · (past levels - last level)  as in NLinear (Zeng et al. 2023, "Are Transformers Effective
               + V_h · (hour, day of week)             for Time Series Forecasting?"), but with weights that turn with
                                                       the hour, as in periodic autoregression (Pagano 1978)
    log scale = a_h + b_h · features                   log-volatilities over several spans, after Corsi 2009 ("A
                                                       Simple Approximate Long-Memory Model of Realized Volatility"),
                                                       of changes, of changes from season to season and of the level
                                                       about its mean; ranges (Parkinson 1980); hour and day of week

The location has weights of its own at every horizon up to 1,000 bars: between two horizons a daily shape would be
lost. The scale is smoother, and is interpolated. It stays within the range that it had in training, whatever the
features of a new window are.

Diffusion that starts from a location and scale of the window's own is what TMDM (Li et al. 2024) and NsDiff (Ye et
al. 2025) learn with networks; a linear one is fitted in seconds, and cannot overfit far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sssd_registry.data.durations import DAY, WEEK
from sssd_registry.data.spec import DataSpec
from sssd_registry.model.calendar_phase import phase
from sssd_registry.model.changes import Changes
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import interpolation, location_points
from sssd_registry.model.pick_columns import pick_columns

MAX_LAGS = 96
_HARMONICS = {DAY: 4, WEEK: 2}
# How many harmonics of the shortest cycle the weights of past levels follow.
_TURNING = 3
# More targets than this keep the same weights all day: each has sums of the terms' products to be fitted from, 4 MB.
_MAX_TURNING_TARGETS = 16
# A scale is exponential in its features: none counts for more than this many deviations from its training mean.
FARTHEST = 4.0
# A log scale that no window reaches. Not infinite: shares of horizons are 0, and 0 times infinity is no number.
_UNBOUNDED = 100.0
# Volatility over a short span may be 0; it then counts as this part of the window's.
_QUIETEST = 0.05


class LinearLocationScale(ExactBuffers):
    """See the module's text. Before it is fitted: location 0 and the square root of the horizon.

    Args:
        spec: columns, roles, targets and timeframes.
        movement: the normaliser's.
        horizons: float ``(G,)`` bars, ascending, what the scale is fitted at; a horizon between two is interpolated.
    """

    movement: Changes
    location_horizons: Tensor  # (G',) bars, ascending, what the location is fitted at
    location: Tensor  # (G', P, C), of what `design` gives
    bias: Tensor  # (G, C), log scale where every feature has its mean
    lowest: Tensor  # (G, C), the least log scale in training
    highest: Tensor  # (G, C), the largest
    weights: Tensor  # (G, F, C)
    center: Tensor  # (F, C), mean of the features
    spread: Tensor  # (F, C), their standard deviation

    def __init__(self, spec: DataSpec, movement: Changes, horizons: Tensor) -> None:
        super().__init__()
        self.spec = spec
        self.__dict__["movement"] = movement  # its buffers are the normaliser's, and are saved there
        self.num_lags = min(spec.base.lookback - 1, MAX_LAGS)
        points, features, channels = len(horizons), self._num_features(), len(spec.targets)
        own = location_points(spec.horizons)
        self.register_buffer("location_horizons", torch.tensor(own, dtype=torch.float32))
        self.register_buffer("location", torch.zeros(len(own), self.num_terms, channels))
        self.register_buffer("lowest", torch.full((points, channels), -_UNBOUNDED))
        self.register_buffer("highest", torch.full((points, channels), _UNBOUNDED))
        self.register_buffer("bias", horizons.sqrt().log().unsqueeze(-1).repeat(1, channels))
        self.register_buffer("weights", torch.zeros(points, features, channels))
        self.register_buffer("center", torch.zeros(features, channels))
        self.register_buffer("spread", torch.ones(features, channels))

    def forward(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor, share: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Raw windows and horizons ``(K,)`` in bars to location and scale ``(B, K, C)``.

        Both float64, in units of the window's one-bar movement. ``share`` is how much each of the horizons that the
        scale was fitted at makes up of those asked for, ``(K, G)``.
        """
        waves, unit = self.waves(times), self.unit(values)
        terms = self.design(self.lags(values, unit), waves)
        weights = torch.einsum("kg,gpc->kpc", interpolation(self.location_horizons, horizons), self.location)
        location = torch.einsum("kpc,bpc->bkc", weights, terms)
        features = self.features(values, unit, waves)
        standard = ((features - self.center) / self.spread).clamp(-FARTHEST, FARTHEST)
        slope = torch.einsum("kg,gfc,bfc->bkc", share, self.weights, standard)
        log_scale = torch.minimum(share @ self.bias + slope, share @ self.highest)
        return location.double(), torch.maximum(log_scale, share @ self.lowest).double().exp()

    @property
    def num_terms(self) -> int:
        """P: the lags, a constant and the waves, then the lags times each wave that they turn with."""
        return self.num_plain_terms + self.num_lags * len(self._turning())

    @property
    def num_plain_terms(self) -> int:
        """Those that do not turn."""
        return self.num_lags + 1 + self._num_waves()

    def design(self, lags: Tensor, waves: Tensor) -> Tensor:
        """Return what the location is linear in: lags ``(B, N, C)`` and waves ``(B, 1 + H)`` to ``(B, P, C)``."""
        turned = [waves[:, [column], None] * lags for column in self._turning()]  # (B, N, C) each
        return torch.cat([lags, waves.unsqueeze(-1).expand(-1, -1, lags.shape[2]), *turned], dim=1)

    def unit(self, values: Mapping[str, Tensor]) -> Tensor:
        """The window's one-bar movement, float64 ``(B, 1, C)``."""
        return self.movement.unit(self._targets(values, self.spec.base.name), self.spec.target_indices)

    def lags(self, values: Mapping[str, Tensor], unit: Tensor) -> Tensor:
        """The N levels before the last, relative to it and in its ``unit (B, 1, C)``: float32 ``(B, N, C)``."""
        levels = self._targets(values, self.spec.base.name)
        return (self.movement.between(levels[:, -1:], levels[:, -1 - self.num_lags : -1]) / unit).float()

    def features(self, values: Mapping[str, Tensor], unit: Tensor, waves: Tensor) -> Tensor:
        """Return what the scale depends on, float32 ``(B, F, C)``.

        Args:
            values: raw windows.
            unit: their one-bar movement, ``(B, 1, C)``.
            waves: ``(B, 1 + H)``.
        """
        base, levels = values[self.spec.base.name], self._targets(values, self.spec.base.name)  # (B, L, C)
        length = levels.shape[1]
        away = self.movement.between(levels.mean(dim=1, keepdim=True), levels) / (unit * length**0.5)
        rows = [unit.log(), away[:, -1:], away[:, -1:].abs(), *_log_rms(away, [length, *_spans(length)])]
        for timeframe in self.spec.timeframes:
            change = self.movement.change(self._targets(values, timeframe.name)) / unit
            rows += _log_rms(change, _spans(change.shape[1]))
        if season := self._season():
            change = self.movement.between(levels[:, :-season], levels[:, season:]) / unit
            rows += _log_rms(change, _spans(length - season))
        if self._has_range():
            high, low = (self._mean_of(base, role) for role in ("high", "low"))  # (B, L, 1)
            spread = self.movement.between(low, high) / unit  # (B, L, C)
            rows += _log_rms(spread, [length, *_spans(length)])
        if self._periods():
            rows.append(waves[:, 1:].unsqueeze(-1).expand(-1, -1, levels.shape[2]))
        return torch.cat([row.float() for row in rows], dim=1)

    def waves(self, times: Mapping[str, Tensor]) -> Tensor:
        """A constant, and sines and cosines of the time of day and of the week as far as the data repeat them.

        Float32 ``(B, 1 + H)``.
        """
        origin = times[self.spec.base.name][:, -1]
        waves = [torch.ones_like(origin, dtype=torch.float32).unsqueeze(1)]
        for period in self._periods():
            order = torch.arange(1, _HARMONICS[period] + 1, device=origin.device)
            angle = phase(origin, [period]) * order  # (B, harmonics)
            waves += [torch.sin(angle), torch.cos(angle)]
        return torch.cat(waves, dim=1)

    def _targets(self, values: Mapping[str, Tensor], timeframe: str) -> Tensor:
        """Return the targets' levels in a timeframe, float64 ``(B, L_tf, C)``."""
        return pick_columns(values[timeframe], self.spec.target_indices)

    def _mean_of(self, values: Tensor, role: str) -> Tensor:
        """Return the mean of the columns of a role, ``(B, L, 1)``."""
        found = pick_columns(values, self.movement.columns(role))
        return found.mean(-1, keepdim=True) if found.shape[-1] > 1 else found

    def _turning(self) -> list[int]:
        """Return the waves that the weights of past levels turn with: the first of the shortest cycle."""
        if not self._periods() or len(self.spec.targets) > _MAX_TURNING_TARGETS:
            return []
        harmonics = _HARMONICS[min(self._periods())]
        sines = range(1, 1 + min(_TURNING, harmonics))
        return [*sines, *(harmonics + column for column in sines)]

    def _num_waves(self) -> int:
        return 2 * sum(_HARMONICS[period] for period in self._periods())

    def _periods(self) -> list[int]:
        return [period for period in self.spec.periods if period in _HARMONICS]

    def _season(self) -> int:
        """Length of a season that the window holds at least two of, or 0."""
        season = self.spec.season
        return season if 1 < season <= self.spec.base.lookback // 2 else 0

    def _has_range(self) -> bool:
        return len(self.movement.columns("high")) == len(self.movement.columns("low")) > 0

    def _num_features(self) -> int:
        length, season = self.spec.base.lookback, self._season()
        spans = [length, *(timeframe.lookback for timeframe in self.spec.timeframes)]
        spans += [length - season] if season else []
        spans += [length] if self._has_range() else []
        return 4 + sum(len(_spans(span)) for span in spans) + self._has_range() + self._num_waves()


def _spans(length: int) -> list[int]:
    """Half of it, a quarter, … down to three bars."""
    return [length >> shift for shift in range(1, 16) if length >> shift >= 3]


def _log_rms(change: Tensor, spans: Sequence[int]) -> list[Tensor]:
    """Logarithms of the root mean square of the last bars of ``(B, L, C)``, each of n spans: ``(B, n, C)``, if any."""
    if not spans:
        return []
    length = change.shape[1]
    means = [[0.0] * (length - span) + [1.0 / span] * span for span in spans]
    square = torch.tensor(means, dtype=change.dtype, device=change.device) @ change.square()
    return [0.5 * torch.log(square + _QUIETEST**2)]
