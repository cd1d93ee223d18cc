"""Starting from another model: what two networks have in common is copied, the rest starts fresh."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.given_head import factory_name, is_given
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.storage.hub import local_folder
from sssd_registry.storage.model_folder import read_head_name

# What a stack's or the encoder's weights hang on, apart from the data.
_ENCODER_SIZES = ("feature_size", "state_size", "num_layers", "streamable")


@torch.no_grad()
def start_from(network: SSSDNetwork, model: str | Path, head: HeadSpec | None = None) -> None:
    """Copy the encoder of the model in a folder, or on the Hub, into ``network``; and its head where it fits.

    The data may differ. Timeframes are matched in order, finest first; what is left over on either side stays as it
    is. The first layer of a stack depends on the number of features, and is copied where those agree; the layer that
    makes the context of all timeframes, where their number does. The head is copied where both models have the same
    one, and as many latents of a path. A model whose head was given from Python can be started from with the same
    ``head``.

    Raises:
        SSSDError: no such model, one whose encoder has other sizes, or whose head was given from Python and is another.
    """
    other = _opened(model, head)
    for name in _ENCODER_SIZES:
        theirs, ours = getattr(other.config, name), getattr(network.config, name)
        if theirs != ours:
            raise SSSDError(
                f"{model} has model.{name} {theirs}, this configuration {ours}: an encoder can only start from one of"
                f" the same sizes; --set model.{name}={theirs}"
            )
    for ours, theirs in zip(network.encoder.stacks, other.encoder.stacks, strict=False):
        _copy_fitting(ours, theirs.state_dict())
    encoder = {name: value for name, value in other.encoder.state_dict().items() if not name.startswith("stacks.")}
    _copy_fitting(network.encoder, encoder)
    same_head = (other.config.head, other.config.head_options) == (network.config.head, network.config.head_options)
    sizes = (other.config.context_size, other.config.token_size, other.latent_shape)
    if same_head and sizes == (network.config.context_size, network.config.token_size, network.latent_shape):
        if network.token_embedding is not None and other.token_embedding is not None:
            network.token_embedding.copy_(other.token_embedding)
        network.head.load_state_dict(other.head.state_dict())


def _opened(model: str | Path, head: HeadSpec | None) -> SSSDNetwork:
    folder = local_folder(model, {})
    theirs = read_head_name(folder)
    if not is_given(theirs):
        return SSSDPipeline.from_pretrained(folder).network
    if head is None or head.name != theirs:
        name = factory_name(theirs)
        raise SSSDError(f"{model} has the head {name}, given from Python: start from it with train(…, head={name})")
    return SSSDPipeline.from_pretrained(folder, head=head).network


def _copy_fitting(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy the tensors that exist in both with the same shape."""
    for name, parameter in module.named_parameters():
        given = weights.get(name)
        if given is not None and given.shape == parameter.shape:
            parameter.copy_(given)
