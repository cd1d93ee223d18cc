"""A forecast of location and scale by a small network, straight from each target's window: the direct path.

Every target by itself, with weights that all share, in units of its window's mean and deviation (instance
normalisation: RevIN, Kim et al. 2022):

    h         = residual perceptron of (window, hour and day of the origin, one-bar movement)
    location  = W_h · window + A_h · h + trunk(hour and day of the bar that is forecast, what is known of it) · B h
    log scale =                A'_h · h + trunk(...) · B' h

A linear map beside a perceptron is what TiDE (Das et al. 2023) and N-HiTS (Challu et al. 2023) make forecasts with;
trunk and branch are DeepONet's (Lu et al. 2021): what the hour that is forecast means depends on the window. So does
what is known ahead, beside its effects (:mod:`sssd_registry.model.known_effects`), which are sums: what a holiday means
at eight in the morning, after a day at work. Every horizon up to 1,000 bars has weights of its own. Some networks that
differ by their start are averaged.

It knows nothing of the linear forecast (:mod:`sssd_registry.model.location_scale`), and so errs otherwise: the two are
averaged, with a share chosen on the validation part. Where the direct path is not surely better so, it takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, gelu, layer_norm

from sssd_registry.data.durations import DAY, WEEK
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import TOLD
from sssd_registry.model.calendar_phase import phase
from sssd_registry.model.changes import Changes
from sssd_registry.model.exact_buffers import ExactBuffers
from sssd_registry.model.horizon_grid import interpolation, location_points
from sssd_registry.model.pick_columns import pick_columns

MEMBERS, WIDTH = 2, 128
_BLOCKS, _TRUNK, _RANK = 2, 32, 16
MAX_BARS = 1024
_HARMONICS = {DAY: 4, WEEK: 3}
# In deviations of the window: what the perceptron is told, and how a log scale may differ from the first guess.
_FARTHEST, _LOWEST, _HIGHEST, _FIRST_GUESS = 8.0, -6.0, 3.0, -1.0
# Known numbers that differ by less, beside their size, are the same.
_STILL = 1e-6


class DirectPath(ExactBuffers):
    """See the module's text. Buffers, not parameters: it is fitted before the network, and then stays as it is.

    Args:
        spec: columns, roles, targets and timeframes.
        movement: the normaliser's.

    Attributes:
        in_use: whether it takes part in forecasts. Follows ``share`` when weights are loaded.
    """

    movement: Changes
    horizons: Tensor  # (G,) bars, ascending
    share: Tensor  # (), of the direct path in the average with the linear forecast; 0 where it is not in use
    stretch: Tensor  # (C,), what scales are multiplied by, so that intervals cover what they should
    known_center: Tensor  # (P,), typical numbers of what is known ahead
    known_spread: Tensor  # (P,), how far they lie from there

    def __init__(self, spec: DataSpec, movement: Changes) -> None:
        super().__init__()
        self.spec, self.in_use = spec, False
        self.__dict__["movement"] = movement  # its buffers are the normaliser's, and are saved there
        self.num_bars = min(spec.base.lookback, MAX_BARS)
        points = location_points(spec.horizons)
        self.register_buffer("horizons", torch.tensor(points, dtype=torch.float32))
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("stretch", torch.ones(len(spec.targets)))
        self.lags = known_lags(spec)
        if spec.known:
            self.register_buffer("known_center", torch.zeros(len(spec.known)))
            self.register_buffer("known_spread", torch.ones(len(spec.known)))
        for name, shape in self._shapes(len(points)).items():
            self.register_buffer(name, torch.zeros(shape))

    def _shapes(self, points: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by name, M members first but for the linear map, which they share."""
        told = self.num_bars + self.num_waves + 1
        shapes: dict[str, tuple[int, ...]] = {"linear": (points, self.num_bars)}
        shapes |= {"enter": (MEMBERS, WIDTH, told), "enter_bias": (MEMBERS, WIDTH)}
        for block in range(_BLOCKS):
            for name in (f"inner{block}", f"outer{block}"):
                shapes |= {name: (MEMBERS, WIDTH, WIDTH), f"{name}_bias": (MEMBERS, WIDTH)}
        shapes |= {"leave": (MEMBERS, 2, points, WIDTH), "leave_bias": (MEMBERS, 2, points)}
        if self.num_waves:
            shapes |= {"trunk0": (MEMBERS, _TRUNK, self.num_waves)}
        if self.num_known:
            shapes |= {"trunk_known": (MEMBERS, _TRUNK, self.num_known)}
        if self.num_waves or self.num_known:
            shapes |= {"trunk0_bias": (MEMBERS, _TRUNK), "trunk1": (MEMBERS, _RANK, _TRUNK)}
            shapes |= {"branch": (MEMBERS, 2, _RANK, WIDTH)}
        return shapes

    def weight_names(self) -> list[str]:
        """Names of the buffers that are trained."""
        return list(self._shapes(len(self.horizons)))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draw what comes before the last layers, which begin at 0: location is the window's mean."""
        for name in self.weight_names():
            buffer = self.get_buffer(name)
            if name.startswith(("enter", "inner", "outer", "trunk")) and not name.endswith("bias"):
                bound = buffer.shape[-1] ** -0.5
                buffer.copy_(torch.empty(buffer.shape).uniform_(-bound, bound, generator=generator))
            else:
                buffer.zero_()

    @torch.no_grad()
    def set_typical(self, numbers: Tensor) -> None:
        """Take what is known of bars, ``(n, P)``, as typical."""
        self.known_center.copy_(numbers.mean(dim=0))
        self.known_spread.copy_(numbers.std(dim=0, correction=0).clamp(min=_STILL * (1 + numbers.abs().amax(dim=0))))

    @torch.no_grad()
    def use(self, share: float, stretch: Tensor) -> None:
        """Take part in forecasts with a share above 0."""
        self.share.fill_(share)
        self.stretch.copy_(stretch)
        self.in_use = share > 0

    @property
    def told(self) -> str:
        """Words on the part that it takes."""
        if not self.in_use:
            return "the linear forecast; the direct path is left out, as it was not surely better"
        return (
            f"averaged {1 - float(self.share):.0%} to {float(self.share):.0%}, the linear forecast and the direct path"
        )

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.in_use = self.share.device.type != "meta" and bool(self.share > 0)

    def blend(
        self, linear: tuple[Tensor, Tensor], values: Mapping[str, Tensor], times: Mapping[str, Tensor], bars: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Average a linear forecast with the direct path's: location and scale, float64 ``(B, K, C)``.

        All in units of the window's one-bar movement; scales are averaged by their logarithms.
        """
        location, log_scale = (member.mean(dim=0) for member in self(values, times, bars))
        share = self.share.double()
        average = torch.lerp(linear[1].log(), log_scale, share) + self.stretch.double().log()
        return torch.lerp(linear[0], location, share), average.exp()

    def forward(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], bars: Tensor, drop: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Raw windows and horizons ``(K,)`` in bars to location and log scale of each member.

        Float64 ``(M, B, K, C)``, in units of the window's one-bar movement. ``drop`` is a share of hidden units.
        """
        past, mean, deviation, unit = self.window(values)
        window = ((past - mean) / deviation).float().transpose(1, 2)  # (B, C, L)
        origin = times[self.spec.base.name][:, -1]
        known = [window, (unit / deviation).log().float().transpose(1, 2)]
        if self.num_waves:
            known.append(self._waves(origin).unsqueeze(1).expand(-1, window.shape[1], -1))
        hidden = self._perceptron(torch.cat(known, dim=-1).clamp(-_FARTHEST, _FARTHEST), drop)  # (M, B, C, H)
        picked = interpolation(self.horizons, bars)  # (K, G)
        leave, bias = (
            torch.einsum("kg,mjg...->mjk...", picked, one) for one in map(self.get_buffer, ("leave", "leave_bias"))
        )
        made = torch.einsum("mjkh,mbch->jmbkc", leave, hidden) + bias.transpose(0, 1)[:, :, None, :, None]
        if self.num_waves or self.num_known:
            made = made + self._by_bar(hidden, origin, bars, values)
        location = made[0] + torch.einsum("kg,gl,bcl->bkc", picked, self.get_buffer("linear"), window)
        size = (deviation / unit).unsqueeze(0)  # (1, B, 1, C)
        log_scale = (made[1] + _FIRST_GUESS).clamp(_LOWEST, _HIGHEST).double() + size.log()
        return location.double() * size + (mean / unit).unsqueeze(0), log_scale

    def window(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Each target's past relative to its last level, ``(B, L, C)``; its mean, deviation and one-bar movement.

        Those are ``(B, 1, C)``; a deviation is never less than the movement, which has a floor.
        """
        levels = pick_columns(values[self.spec.base.name], self.spec.target_indices)
        unit = self.movement.unit(levels, self.spec.target_indices)
        past = self.movement.between(levels[:, -1:], levels[:, -self.num_bars :])
        mean = past.mean(dim=1, keepdim=True)
        return past, mean, torch.maximum((past - mean).square().mean(dim=1, keepdim=True).sqrt(), unit), unit

    def _perceptron(self, known: Tensor, drop: float) -> Tensor:
        """Perceptron of what is known of each target ``(B, C, N)``: to hidden units ``(M, B, C, H)``."""
        hidden = torch.einsum("mhn,bcn->mbch", self.get_buffer("enter"), known)
        hidden = hidden + self.get_buffer("enter_bias")[:, None, None]
        for block in range(_BLOCKS):
            inner = gelu(self._layer(f"inner{block}", layer_norm(hidden, hidden.shape[-1:])))
            hidden = hidden + self._layer(f"outer{block}", dropout(inner, drop, training=drop > 0))
        return dropout(layer_norm(hidden, hidden.shape[-1:]), drop, training=drop > 0)

    def _layer(self, name: str, hidden: Tensor) -> Tensor:
        weights, bias = self.get_buffer(name), self.get_buffer(f"{name}_bias")
        return torch.einsum("moh,mbch->mbco", weights, hidden) + bias[:, None, None]

    def _by_bar(self, hidden: Tensor, origin: Tensor, bars: Tensor, values: Mapping[str, Tensor]) -> Tensor:
        """Return what the bars that are forecast mean after such windows, ``(2, M, B, K, C)``: hours, what is known."""
        made = self.get_buffer("trunk0_bias")[:, None, None]  # (M, 1, 1, T)
        if self.num_waves:
            ahead = (bars.double() * self.spec.bar_seconds).long()  # (K,)
            waves = self._waves(origin.unsqueeze(1) + ahead)  # (B, K, W)
            made = torch.einsum("mtw,bkw->mbkt", self.get_buffer("trunk0"), waves) + made
        if self.num_known:
            made = torch.einsum("mtp,bkp->mbkt", self.get_buffer("trunk_known"), self._known(values[TOLD], bars)) + made
        inner = gelu(made)
        trunk = torch.einsum("mrt,mbkt->mbkr", self.get_buffer("trunk1"), inner)
        branch = torch.einsum("mjrh,mbch->mjbcr", self.get_buffer("branch"), hidden)
        return torch.einsum("mjbcr,mbkr->jmbkc", branch, trunk)

    def _known(self, numbers: Tensor, bars: Tensor) -> Tensor:
        """Return what is known of bars that are forecast, and of those a day and a week before: ``(B, K, P (1 + N))``.

        Args:
            numbers: ``(B, L + H, P)``.
            bars: ``(K,)``.
        """
        places = self.spec.base.lookback - 1 + bars.ceil().long()
        typical = ((numbers - self.known_center) / self.known_spread).clamp(-_FARTHEST, _FARTHEST).float()
        return torch.cat([typical.index_select(1, places - lag) for lag in (0, *self.lags)], dim=-1)

    def _waves(self, moments: Tensor) -> Tensor:
        """Sines and cosines of times of day and of the week, as far as the data repeat them: ``(…)`` to ``(…, W)``."""
        waves = []
        for period in self._periods():
            angle = phase(moments, [period]) * torch.arange(1, _HARMONICS[period] + 1, device=moments.device)
            waves += [torch.sin(angle), torch.cos(angle)]
        return torch.cat(waves, dim=-1)

    @property
    def num_known(self) -> int:
        """Numbers that are told of what is known of a bar."""
        return len(self.spec.known) * (1 + len(self.lags))

    @property
    def num_waves(self) -> int:
        """W."""
        return 2 * sum(_HARMONICS[period] for period in self._periods())

    def _periods(self) -> list[int]:
        """Periods that bars of a fixed length divide."""
        return [] if self.spec.bar_months else [one for one in self.spec.periods if one in _HARMONICS]


def known_lags(spec: DataSpec) -> tuple[int, ...]:
    """Bars in a season and in a week, as far as a window holds them: what was known then tells how its values came."""
    seasons = {spec.season} | ({WEEK // spec.bar_seconds} if not spec.bar_months and spec.bar_seconds <= DAY else set())
    return tuple(sorted(season for season in seasons if 1 < season <= spec.base.lookback)) if spec.known else ()
