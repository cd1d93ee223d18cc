"""The four stages of a forecast, as modules that are traced one by one.

    normalise   values_*, times_*           -> features_*, location, scale   float64 inside: differences of prices
    encode      features_*                  -> condition
    denoise     condition, noise            -> latents                       the head in its loop; see graph.py
    decode      latents, location, scale    -> samples, quantiles            float64 again

An engine is one graph of all four, or several of one or more each: a compiler that knows no float64 takes the middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.network import SSSDNetwork

UNITS = ("location", "scale")


def raw_names(spec: DataSpec) -> list[str]:
    """The engine's raw inputs: values of every timeframe, then times."""
    return [f"{kind}_{tf.name}" for kind in ("values", "times") for tf in spec.timeframes]


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
        raw = dict(zip(names, values, strict=True)), dict(zip(names, times, strict=True))
        normalizer = self.network.normalizer
        features = normalizer.features(*raw)
        return (*(features[name] for name in names), *normalizer.location_scale(*raw, self.get_buffer("horizons")))


class Encode(nn.Module):
    """Features of each timeframe to the head's condition ``(B, K, C)``, for fixed horizons."""

    def __init__(self, network: SSSDNetwork, horizons: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("horizons", horizons)

    def forward(self, *features: Tensor) -> Tensor:
        names = [tf.name for tf in self.network.spec.timeframes]
        context = self.network.encoder(dict(zip(names, features, strict=True)))
        return self.network.condition(context, self.get_buffer("horizons"))


class Decode(nn.Module):
    """Latents to samples and quantiles, float64 in data units, for fixed quantile levels."""

    def __init__(self, network: SSSDNetwork, levels: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64))

    def forward(self, latents: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        samples = self.network.decode(latents, location, scale)  # (B, S, K, C)
        return samples, sample_quantiles(samples, self.get_buffer("levels"))


def sample_quantiles(samples: Tensor, levels: Tensor) -> Tensor:
    """``(B, S, K, C)`` to ``(B, Q, K, C)``: linear interpolation, numpy's default definition.

    Written out because ``torch.quantile`` does not export with a dynamic number of samples.
    """
    ordered = torch.sort(samples, dim=1).values
    last = samples.shape[1] - 1
    position = levels * last  # (Q,)
    below = position.floor().long()
    above = (below + 1).clamp(max=last)
    share = (position - below)[None, :, None, None]
    return ordered.index_select(1, below) * (1 - share) + ordered.index_select(1, above) * share
