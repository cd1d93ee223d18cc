"""Normalizers to start diffusion from other than a random walk or a linear forecast, for targets that are levels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.batches import TrainingData
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.normalizer import WindowNormalizer, interpolation
from sssd_registry.training.fit_normalizer import fit_growth

_DAY = 24  # bars


class _Start(WindowNormalizer):
    """Standard units around ``start``; a factor of each horizon makes them of unit variance."""

    def location_scale(
        self,
        values: Mapping[str, Tensor],
        times: Mapping[str, Tensor],  # noqa: ARG002 - the interface
        horizons: Tensor,
    ) -> tuple[Tensor, Tensor]:
        location, unit = self.start(values[self.spec.base.name][..., list(self.spec.target_indices)], horizons)
        scale = unit * (interpolation(self.growth_horizons, horizons) @ self.growth).double()  # (B, K, C)
        return location.expand_as(scale), scale

    def start(self, levels: Tensor, horizons: Tensor) -> tuple[Tensor, Tensor]:
        """Return where to start, ``(B, K or 1, C)``, and a unit ``(B, 1, C)``, from the targets' past ``(B, L, C)``."""
        raise NotImplementedError


class FromWindow(_Start):
    """Instance normalisation (RevIN, Kim et al. 2022): the window's mean, in units of its deviation.

    The encoder sees its levels so, too, in place of their distance to the last one.
    """

    def start(self, levels: Tensor, horizons: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - the interface
        return _moments(levels)

    def _value_features(self, values: Tensor) -> Tensor:
        change, size, _ = super()._value_features(values).chunk(3, dim=-1)
        mean, deviation = _moments(values)
        return torch.cat([change, size, ((values - mean) / deviation).float()], dim=-1)


class FromYesterday(_Start):
    """The same hour of the day before, in units of the window's movement as the random walk is."""

    def start(self, levels: Tensor, horizons: Tensor) -> tuple[Tensor, Tensor]:
        ago = _DAY - 1 - (horizons.long() - 1) % _DAY  # 0 is the last bar of the window
        return levels[:, levels.shape[1] - 1 - ago], self.movement.unit(levels, self.spec.target_indices)


def _moments(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the window ``(B, L, V)``, each ``(B, 1, V)``; the deviation is above zero."""
    mean = levels.mean(dim=1, keepdim=True)
    return mean, (levels - mean).square().mean(dim=1, keepdim=True).sqrt() + 1e-6


def from_window(network: SSSDNetwork, data: TrainingData) -> None:
    """Start from the window's mean and deviation."""
    _replace(network, FromWindow(_levels_only(data.spec)), data)


def from_yesterday(network: SSSDNetwork, data: TrainingData) -> None:
    """Start from the same hour of the day before."""
    _replace(network, FromYesterday(_levels_only(data.spec)), data)


def _replace(network: SSSDNetwork, normalizer: WindowNormalizer, data: TrainingData) -> None:
    network.normalizer = normalizer
    fit_growth(network, data)


def _levels_only(spec: DataSpec) -> DataSpec:
    if spec.target_kind == "log-return" or set(spec.roles) != {"value"}:
        raise ValueError("these normalizers are for columns that are levels, and targets that are levels")
    return spec
