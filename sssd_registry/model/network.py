"""The whole network of a forecaster, as one module: what is trained, saved and exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.model.calibration import Calibration
from sssd_registry.model.correlation import Correlation
from sssd_registry.model.encoder import S4Encoder
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.model.own_units import layer_reach
from sssd_registry.model.strata import stratified
from sssd_registry.model.target_values import TargetValues
from sssd_registry.sampling.noise import NoiseShape
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.sampler import Denoiser
from sssd_registry.sampling.tableau import SolverTableau


class SSSDNetwork(nn.Module):
    """Normaliser, correlation, encoder, noise head and calibration.

    :func:`sssd_registry.plugin_api.make_network.make_network` builds one from a configuration, which names its head.

    Args:
        spec: the data it is for.
        config: its sizes.
        make_head: ``(latent size D, condition size C) -> head``; called between the other parts, so that a seed
            stands for the same weights whatever the head.
        tokens: the head sees a path's latents as K tokens, one for each component over horizons; otherwise as one.
        past: the head sees tokens of the past as well.

    Attributes:
        in_use: whether head and encoder take part in forecasts. If not, these are Gaussian, and in closed form.

    Raises:
        SSSDError: the head's; or the configuration is streamable, and the data or the head cannot be.
    """

    def __init__(
        self,
        spec: DataSpec,
        config: ModelConfig,
        make_head: Callable[[int, int], nn.Module],
        tokens: bool = False,
        past: bool = False,
    ) -> None:
        super().__init__()
        if config.streamable and (spec.holes or spec.known):
            raise SSSDError(
                "model.streamable is for data without missing values and covariates known ahead, whose windows are"
                " filled and adjusted as a whole: --set model.streamable=false"
            )
        if config.streamable and past:
            raise SSSDError(
                "model.streamable is for heads that see the context alone, which goes on bar by bar; this one attends"
                " to the whole window: --set model.streamable=false, or another --set model.head"
            )
        self.spec, self.config, self.tokens = spec, config, tokens
        self.in_use = True
        self.normalizer = WindowNormalizer(
            spec,
            linear=config.location_scale == "linear",
            direct=config.location_scale == "direct",
            streamable=config.streamable,
        )
        self.correlation = Correlation(spec, config)
        self.calibration = Calibration(spec)
        self.target_values = TargetValues(spec)
        self.encoder = S4Encoder(
            {tf.name: tf.lookback for tf in spec.timeframes},
            self.normalizer.num_features,
            config.feature_size,
            config.state_size,
            config.num_layers,
            config.context_size,
            config.dropout,
            [layer_reach(tf.lookback, config.num_layers) for tf in spec.timeframes] if config.streamable else None,
            config.past_tokens if past else 0,
        )
        count, size = self.latent_shape
        self.token_embedding = nn.Parameter(0.5 * torch.randn(count, config.token_size)) if tokens else None
        self.head = make_head(size, config.context_size + (config.token_size if tokens else 0))

    @property
    def device(self) -> torch.device:
        """Device that it runs on; diffusers asks every component."""
        return self.encoder.context.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of its weights; diffusers asks every component."""
        return self.encoder.context.weight.dtype

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Latents of one path as the head sees them: K tokens of size D."""
        components, mixtures = self.correlation.num_components, self.correlation.num_mixtures
        return (components, mixtures) if self.tokens else (1, components * mixtures)

    @property
    def schedule(self) -> NoiseSchedule:
        """The forward process this network was, or is to be, trained with."""
        config = self.config
        return NoiseSchedule(config.beta_schedule, config.num_train_timesteps, config.prediction_type)

    def noise_shape(self, tableau: SolverTableau | None) -> NoiseShape:
        """Numbers of noise that a sample takes with a solver; with none where the network is not in use."""
        draws = tableau.num_noises - 1 if tableau is not None and self.in_use else 0
        return NoiseShape(self.correlation.noise_shape, (draws, *self.latent_shape))

    def encode(self, values: Mapping[str, Tensor], times: Mapping[str, Tensor]) -> Tensor:
        """Raw windows to the context and, after it, N tokens of the past: ``(B, 1 + N, E)``, in its own precision."""
        features = self.normalizer.features(values, times)
        return torch.as_tensor(self.encoder({name: tensor.to(self.dtype) for name, tensor in features.items()}))

    def condition(self, encoded: Tensor) -> Tensor:
        """Context and tokens of the past ``(B, 1 + N, E)`` to what the head sees of a window, ``(B, K + N, C)``."""
        if self.token_embedding is None:
            return encoded
        windows, count = encoded.shape[0], len(self.token_embedding)
        embedding = self.token_embedding.to(encoded.dtype).unsqueeze(0).expand(windows, -1, -1)
        rows = torch.cat([encoded[:, :1].expand(-1, count, -1), embedding], dim=-1)  # (B, K, C)
        if not self.encoder.past:
            return rows
        past = pad(encoded[:, 1:], (0, embedding.shape[-1]))  # (B, N, C)
        return torch.cat([rows, past], dim=1)

    def latents(self, standard: Tensor) -> Tensor:
        """Standard units at all points ``(B, G, C)`` to the latents that the head learns, ``(B, K, D)``."""
        return self.correlation.extract(standard).reshape(-1, *self.latent_shape)

    def first_latents(self, noise: Tensor) -> Tensor:
        """Return what sampling begins with of paths' noise ``(B, S, G + 1, C)``: ``(B, S, K, D)``."""
        return self.correlation.latents(noise).reshape(*noise.shape[:2], *self.latent_shape)

    def start(self, noise: Tensor, rows: Tensor) -> Tensor:
        """Joint Gaussian paths in closed form, in standard units: float32 ``(B, S, K, C)``.

        Stratified over the samples. Where the network is in use, whose part that is, no path has a volatility of its
        own.

        Args:
            noise: of paths, ``(B, S, G + 1, C)``.
            rows: of K horizons, :meth:`Correlation.rows`.
        """
        return stratified(self.coloured(noise, rows))

    def coloured(self, noise: Tensor, rows: Tensor) -> Tensor:
        """The same before strata are restored, float64."""
        white = noise.double()
        paths = self.correlation.colour(white[:, :, :-1], rows)
        return paths if self.in_use else self.correlation.lively(paths, white[:, :, -1:])

    def moved(self, start: Tensor, first: Tensor, last: Tensor, rows: Tensor) -> Tensor:
        """Paths ``(B, S, K, C)`` that :meth:`start` gave, moved as sampling has moved their latents."""
        components = self.correlation.num_components
        change = (last - first).reshape(*first.shape[:2], components, -1)
        return start + self.correlation.spread(change, rows)

    def calibrated(self, standard: Tensor, bars: Tensor) -> Tensor:
        """Paths in standard units ``(B, S, K, C)`` at K horizons in bars, so that intervals cover what they say."""
        return torch.as_tensor(self.calibration(standard, self.calibration.rows(bars)))

    def scaled(self, standard: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Calibrated paths ``(B, S, K, C)`` on the model's scale, float64: in data units but for logarithms and bounds.

        ``location`` and ``scale`` are the normaliser's, ``(B, K, C)``.
        """
        return self.normalizer.restore(standard, location, scale)

    def restore(self, standard: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """The same in data units, within their bounds."""
        return torch.as_tensor(self.target_values(self.scaled(standard, location, scale)))

    def as_seen(self, standard: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Paths in standard units ``(B, S, K, C)`` after bounds and rounding, in these units again."""
        if not self.target_values.changes_samples:
            return standard
        seen = self.target_values.scaled(self.restore(standard, location, scale))
        return ((seen - location.unsqueeze(1)) / scale.unsqueeze(1)).to(standard.dtype)

    def denoiser(self, condition: Tensor) -> Denoiser:
        """Bind the head to a condition, for a sampler."""

        def denoise(z: Tensor, t: Tensor) -> Tensor:
            return torch.as_tensor(self.head(z.to(condition.dtype), t, condition))

        return denoise

    def forward(self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], z: Tensor, t: Tensor) -> Tensor:
        """One call of the head for every draw of every encoded window: ``(B, S, K, D)``, as in training."""
        return torch.as_tensor(self.head(z, t, self.condition(self.encode(values, times))))
