"""First-party noise heads. One architecture a file; torch is imported only when one is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sssd_heads.mlp_options import MLPOptions
from sssd_registry.hookspecs import HeadSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


def make_mlp(latent_size: int, cond_size: int, options: MLPOptions) -> nn.Module:
    from sssd_heads.mlp import MLPHead

    return MLPHead(latent_size, cond_size, options)


SSSD_HOOK_API = 1


@hookimpl
def register_heads() -> list[HeadSpec]:
    return [HeadSpec("mlp", "multi-layer perceptron, each horizon by itself; small and fast", make_mlp, MLPOptions)]
