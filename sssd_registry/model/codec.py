"""Target codec: between C target channels and the D-dimensional latent that is denoised."""

from __future__ import annotations

import torch
from torch import Tensor

from sssd_registry.model.exact_buffers import ExactBuffers


class TargetCodec(ExactBuffers):
    """Identity when D = C; an orthonormal lift ``z = y Q^T``, ``y = z Q`` with ``Q^T Q = 1`` when D > C.

    Q is fixed, not learnt: decoding is exact, and noise of unit variance in the latent is noise of unit variance
    in the targets.

    Args:
        channels: C.
        latent_size: D.

    Raises:
        ValueError: D < C, which could not be decoded.
    """

    basis: Tensor  # (D, C)

    def __init__(self, channels: int, latent_size: int) -> None:
        super().__init__()
        if latent_size < channels:
            raise ValueError(f"latent_size {latent_size} is smaller than the number of targets, {channels}")
        self.identity = latent_size == channels
        self.register_buffer("basis", torch.eye(channels) if self.identity else _lift(latent_size, channels))

    def encode(self, y: Tensor) -> Tensor:
        """``(..., C) -> (..., D)``."""
        return y if self.identity else y @ self.basis.T

    def decode(self, z: Tensor) -> Tensor:
        """``(..., D) -> (..., C)``; ``decode(encode(y)) == y``."""
        return z if self.identity else z @ self.basis


def _lift(latent_size: int, channels: int) -> Tensor:
    """Orthonormal columns ``(D, C)``, the same every time."""
    if torch.get_default_device().type == "meta":  # where shapes are all there is
        return torch.empty(latent_size, channels)
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(latent_size, channels, generator=generator, dtype=torch.float64)
    return torch.as_tensor(torch.linalg.qr(random).Q.float())
