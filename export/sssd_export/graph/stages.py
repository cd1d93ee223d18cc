"""The four stages of a forecast, as modules that are traced one by one.

    normalise   values_*, times_*                -> features_*, location, scale   float64 inside: differences of prices
    encode      features_*                       -> condition
    denoise     condition, noise, draws          -> latents                       the head in its loop; see compose.py
    decode      noise, latents, location, scale  -> samples, quantiles, levels    float64 again

An engine is one graph of all four, or several of one or more each: a compiler that knows no float64 takes the middle.
Of a network that is not in use there are the first and the last, and neither features nor latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN
from sssd_registry.model.fill_holes import fill_holes
from sssd_registry.model.known_effects import without_effects
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model.strata import ordered_strata

UNITS = ("location", "scale")


def raw_names(spec: DataSpec) -> list[str]:
    """The engine's raw inputs: values of every timeframe, then times."""
    return [f"values_{name}" for name in value_names(spec)] + [f"times_{tf.name}" for tf in spec.timeframes]


def value_names(spec: DataSpec) -> list[str]:
    """Names of a window's values: the timeframes, and what is known of the bars to come."""
    return [*(tf.name for tf in spec.timeframes), *([KNOWN] if spec.known else [])]


def feature_names(spec: DataSpec) -> list[str]:
    """Return the names of the encoder's inputs."""
    return [f"features_{tf.name}" for tf in spec.timeframes]


class Normalise(nn.Module):
    """Raw windows to features ``(B, L_tf, F)`` of each timeframe, and location and scale ``(B, K, C)``."""

    def __init__(self, network: SSSDNetwork, horizons: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("horizons", horizons)

    def forward(self, values: tuple[Tensor, ...], times: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        names = [tf.name for tf in self.network.spec.timeframes]
        spec = self.network.spec
        raw = dict(zip(value_names(spec), values, strict=True)), dict(zip(names, times, strict=True))
        if spec.known:
            raw = without_effects(raw[0], spec), raw[1]
        if spec.holes:
            raw = fill_holes(raw[0], spec), raw[1]
        normalizer = self.network.normalizer
        units = normalizer.location_scale(*raw, self.get_buffer("horizons"))
        if not self.network.in_use:
            return units
        features = normalizer.features(*raw)
        return (*(features[name] for name in names), *units)


class Encode(nn.Module):
    """Features of each timeframe to the head's condition ``(B, K, C)``."""

    def __init__(self, network: SSSDNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *features: Tensor) -> Tensor:
        names = [tf.name for tf in self.network.spec.timeframes]
        return self.network.condition(self.network.encoder(dict(zip(names, features, strict=True))))


class Decode(nn.Module):
    """Noise and latents to samples and quantiles, float64 in data units, for fixed horizons and quantile levels.

    Where targets have bounds or are whole numbers, also to ``levels``: samples before these.
    """

    def __init__(self, network: SSSDNetwork, horizons: Tensor, levels: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("rows", network.correlation.rows(horizons))
        self.register_buffer("calibrated", network.calibration.rows(horizons))
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64))

    def forward(self, noise: Tensor, location: Tensor, scale: Tensor, *latents: Tensor) -> tuple[Tensor, ...]:
        """``latents``: those that sampling has made, where the network is in use."""
        network, levels = self.network, self.get_buffer("levels")
        rows, calibrated = self.get_buffer("rows"), self.get_buffer("calibrated")
        if not latents:  # what is drawn by its ranks is known in order, and need not be sorted again
            strata, sample = ordered_strata(network.coloured(noise, rows))
            standard = network.calibration(strata.movedim(-1, 1), calibrated)  # (B, S, K, C)
            ordered, *before = self._values(standard, location, scale)
            place = sample.movedim(-1, 1)
            samples, *before = (torch.zeros_like(ordered).scatter(1, place, each) for each in (ordered, *before))
            return samples, ordered_quantiles(ordered, levels), *before
        (last,) = latents
        paths = network.moved(network.start(noise, rows), network.first_latents(noise), last, rows)
        samples, *before = self._values(network.calibration(paths, calibrated), location, scale)
        return samples, ordered_quantiles(torch.sort(samples, dim=1).values, levels), *before

    def _values(self, standard: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
        """Values of the data, and, where bounds or rounding made something else of them, what they were before."""
        values = self.network.target_values
        levels = values.levels(self.network.scaled(standard, location, scale))
        return (values.rounded(values.within(levels)), levels) if values.changes_samples else (levels,)


def ordered_quantiles(ordered: Tensor, levels: Tensor) -> Tensor:
    """Ascending samples ``(B, S, K, C)`` to ``(B, Q, K, C)``: linear interpolation, numpy's default definition.

    Written out because ``torch.quantile`` does not export with a dynamic number of samples.
    """
    last = ordered.shape[1] - 1
    position = levels * last  # (Q,)
    below = position.floor().long()
    above = (below + 1).clamp(max=last)
    share = (position - below)[None, :, None, None]
    return ordered.index_select(1, below) * (1 - share) + ordered.index_select(1, above) * share
