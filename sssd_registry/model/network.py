"""The whole network of a forecaster, as one module: what is trained, saved and exported."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.model.codec import TargetCodec
from sssd_registry.model.encoder import S4Encoder
from sssd_registry.model.horizon_embedding import HorizonEmbedding
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.options import build_options
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule

# Sizes that make no network: below zero, of zero heads, none at all, or more than there is memory.
_REFUSALS = (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError, MemoryError)


class SSSDNetwork(nn.Module):
    """Normaliser, encoder, horizon embedding, noise head and codec, built from a configuration.

    Raises:
        SSSDError: unknown head, wrong head options, or a latent smaller than the number of targets.
    """

    def __init__(self, spec: DataSpec, config: ModelConfig) -> None:
        super().__init__()
        channels = len(spec.targets)
        latent_size = config.latent_size or channels
        if latent_size < channels:
            raise SSSDError(f"model.latent_size is {latent_size}; it has to be at least the {channels} targets")
        head = registry().heads[config.head]
        options = build_options("head", head.name, head.options, config.head_options)
        self.spec, self.config = spec, config
        self.normalizer = WindowNormalizer(spec, linear=config.location_scale == "linear")
        self.encoder = S4Encoder(
            [tf.name for tf in spec.timeframes],
            self.normalizer.num_features,
            config.feature_size,
            config.state_size,
            config.num_layers,
            config.context_size,
            config.dropout,
        )
        self.horizon_embedding = HorizonEmbedding(config.horizon_size)
        try:
            self.head = head.factory(latent_size, config.context_size + config.horizon_size, options)
        except _REFUSALS as error:  # the head's own, for options that do not go together
            if not (config.head_options or isinstance(error, ValueError)):
                raise  # a bug of the head
            raise SSSDError(f"head {head.name!r}: {error}") from error
        self.codec = TargetCodec(channels, latent_size)

    @property
    def device(self) -> torch.device:
        """Where it runs; diffusers asks every component."""
        return self.encoder.context.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Its precision; diffusers asks every component."""
        return self.encoder.context.weight.dtype

    @property
    def latent_size(self) -> int:
        """D."""
        return self.codec.basis.shape[0]

    @property
    def schedule(self) -> NoiseSchedule:
        """The forward process this network was, or is to be, trained with."""
        config = self.config
        return NoiseSchedule(config.beta_schedule, config.num_train_timesteps, config.prediction_type)

    def encode(self, values: Mapping[str, Tensor], times: Mapping[str, Tensor]) -> Tensor:
        """Raw windows to the context ``(B, E)``, in the network's precision."""
        features = self.normalizer.features(values, times)
        return torch.as_tensor(self.encoder({name: tensor.to(self.dtype) for name, tensor in features.items()}))

    def condition(self, context: Tensor, horizons: Tensor) -> Tensor:
        """Context ``(B, E)`` and horizons ``(K,)`` in bars to what the head sees, ``(B, K, E + horizon_size)``."""
        embedding = self.horizon_embedding(horizons.to(context.dtype))  # (K, horizon_size)
        windows, count = context.shape[0], len(embedding)  # `len` would make windows a constant of the export
        return torch.cat(
            [context.unsqueeze(1).expand(-1, count, -1), embedding.unsqueeze(0).expand(windows, -1, -1)],
            dim=-1,
        )

    def decode(self, latents: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Latents ``(B, S, K, D)`` to float64 samples in data units ``(B, S, K, C)``.

        ``location`` and ``scale`` ``(B, K, C)`` are the normaliser's :meth:`~WindowNormalizer.location_scale`.
        """
        return self.normalizer.restore(self.codec.decode(latents), location, scale)

    def forward(
        self,
        values: Mapping[str, Tensor],
        times: Mapping[str, Tensor],
        horizons: Tensor,
        z: Tensor,
        t: Tensor,
    ) -> Tensor:
        """One call of the head for every draw of every encoded window: ``(B, S, K, D)``, as in training."""
        condition = self.condition(self.encode(values, times), horizons)
        return torch.as_tensor(self.head(z, t, condition))
