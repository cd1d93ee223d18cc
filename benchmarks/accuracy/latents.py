"""Latents that are learnt from the training part, tried in place of the product's fixed one."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sssd_registry.model.batches import TrainingData, evenly_spaced, make_batch
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.loss import standard_futures

_WINDOWS, _AT_ONCE = 3000, 500
_HIDDEN, _STEPS, _BATCH, _BLUR = 64, 4000, 512, 0.1


def whitened(network: SSSDNetwork, data: TrainingData) -> None:
    """Principal components of the targets, each of unit variance."""
    network.codec = Whitening(_futures(network, data))  # type: ignore[assignment]  # codes as a TargetCodec does


def autoencoded(network: SSSDNetwork, data: TrainingData) -> None:
    """An autoencoder's latent, of the size that the configuration says, trained before the network and then fixed."""
    network.codec = Autoencoder(_futures(network, data), network.latent_size)  # type: ignore[assignment]


def _futures(network: SSSDNetwork, data: TrainingData) -> Tensor:
    """Targets in standard units, float32 ``(n, C)``: every horizon of some of the training windows."""
    origins, chunks = evenly_spaced(data.split.train, _WINDOWS), []
    for first in range(0, len(origins), _AT_ONCE):
        some = origins.take(np.arange(first, min(first + _AT_ONCE, len(origins))))
        batch = make_batch(data, some, data.spec.horizons, torch.device("cpu"))
        chunks.append(standard_futures(network, batch))
    return torch.cat(chunks).flatten(0, 1)


class Whitening(nn.Module):
    """``z = (y - mean) U / sqrt(e)``, with eigenvectors U and eigenvalues e of the covariance of ``y (n, C)``."""

    mean: Tensor  # (C,)
    basis: Tensor  # (C, C), columns scaled
    inverse: Tensor  # (C, C)

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        values, vectors = torch.linalg.eigh(torch.cov(y.T.double()))
        basis = vectors / values.sqrt()
        self.register_buffer("mean", y.mean(dim=0))
        self.register_buffer("basis", basis.float())
        self.register_buffer("inverse", torch.linalg.inv(basis).float())

    def encode(self, y: Tensor) -> Tensor:
        return (y - self.mean) @ self.basis

    def decode(self, z: Tensor) -> Tensor:
        return z @ self.inverse + self.mean


class Autoencoder(nn.Module):
    """Autoencoder with two hidden layers each way, whose latents have mean zero and unit variance.

    They are blurred in training, so that what diffusion gives between them decodes to something near.
    """

    basis: Tensor  # (D, C), of which the network asks only the shape
    mean: Tensor  # (D,)
    spread: Tensor  # (D,)

    def __init__(self, y: Tensor, latent_size: int) -> None:
        super().__init__()
        channels = y.shape[-1]
        self.encoder, self.decoder = _layers(channels, latent_size), _layers(latent_size, channels)
        self.register_buffer("basis", torch.zeros(latent_size, channels))
        self._fit(y)
        with torch.no_grad():
            latents = self.encoder(y)
        self.register_buffer("mean", latents.mean(dim=0))
        self.register_buffer("spread", latents.std(dim=0))
        self.requires_grad_(False)

    def _fit(self, y: Tensor) -> None:
        optimizer = torch.optim.AdamW(self.parameters(), 2e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        for _ in range(_STEPS):
            some = y[torch.randint(len(y), (_BATCH,))]
            z = F.batch_norm(self.encoder(some), None, None, training=True)
            loss = F.mse_loss(self.decoder(z + _BLUR * torch.randn_like(z)), some)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def encode(self, y: Tensor) -> Tensor:
        return torch.as_tensor((self.encoder(y) - self.mean) / self.spread)

    def decode(self, z: Tensor) -> Tensor:
        return torch.as_tensor(self.decoder(z))


def _layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, outputs)
    )
