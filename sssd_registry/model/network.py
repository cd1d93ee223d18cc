"""The whole network of a forecaster, as one module: what is trained, saved and exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.model.codec import TargetCodec
from sssd_registry.model.encoder import S4Encoder
from sssd_registry.model.horizon_embedding import HorizonEmbedding
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.sampling.noise_schedule import NoiseSchedule


def latent_size(spec: DataSpec, config: ModelConfig) -> int:
    """D: numbers of a latent, for each sample and horizon.

    Raises:
        SSSDError: fewer than there are targets.
    """
    channels = len(spec.targets)
    size = config.latent_size or channels
    if size < channels:
        raise SSSDError(f"model.latent_size is {size}; it has to be at least the {channels} targets")
    return size


class SSSDNetwork(nn.Module):
    """Normaliser, encoder, horizon embedding, noise head and codec.

    :func:`sssd_registry.plugin_api.make_network.make_network` builds one from a configuration, which names its head.

    Args:
        spec: the data it is for.
        config: its sizes.
        make_head: ``(latent size D, condition size C) -> head``; called between the other parts, so that a seed
            stands for the same weights whatever the head.

    Raises:
        SSSDError: a latent smaller than the number of targets; or the head's.
    """

    def __init__(self, spec: DataSpec, config: ModelConfig, make_head: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        size = latent_size(spec, config)
        self.spec, self.config = spec, config
        self.normalizer = WindowNormalizer(
            spec, linear=config.location_scale == "linear", direct=config.location_scale == "direct"
        )
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
        self.head = make_head(size, config.context_size + config.horizon_size)
        self.codec = TargetCodec(len(spec.targets), size)

    @property
    def device(self) -> torch.device:
        """Device that it runs on; diffusers asks every component."""
        return self.encoder.context.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of its weights; diffusers asks every component."""
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
