"""A network from a configuration: the one place where the name of a head becomes a head."""

from __future__ import annotations

from torch import nn

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.options import build_options
from sssd_registry.plugin_api.discovery import one_line, why
from sssd_registry.plugin_api.given_head import factory_name, is_given
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.registry import registry

# Sizes that make no network: below zero, of zero heads, none at all, or more than there is memory.
_REFUSALS = (ValueError, RuntimeError, TypeError, ArithmeticError, LookupError, MemoryError)


def make_network(spec: DataSpec, config: ModelConfig, head: HeadSpec | None = None) -> SSSDNetwork:
    """Build a fresh network, its weights drawn from torch's generator.

    Args:
        spec: the data it is for.
        config: its sizes.
        head: in place of the plugin's that ``config`` names.

    Raises:
        SSSDError: unknown head, or wrong head options.
    """
    if head is None and is_given(config.head):
        name = factory_name(config.head)
        raise SSSDError(f"model.head is {name}, which was given from Python: give it again, as head={name}")
    chosen = registry().heads[config.head] if head is None else head
    return SSSDNetwork(
        spec, config, lambda latent, cond: _make_head(chosen, config, latent, cond), chosen.tokens, chosen.past
    )


def _make_head(spec: HeadSpec, config: ModelConfig, latent_size: int, cond_size: int) -> nn.Module:
    options = build_options("head", spec.name, spec.options, config.head_options)
    given = is_given(spec.name)
    of_plugin = f"head {spec.name!r}" if given else f"head {spec.name!r} of {registry().heads.plugin_of(spec.name)}"
    try:
        made = spec.factory(latent_size, cond_size, options)
    except Exception as error:  # whatever somebody's factory raises
        # The head's own, for options that do not go together; else a bug of it.
        if isinstance(error, ValueError) or (config.head_options and isinstance(error, _REFUSALS)):
            raise SSSDError(f"head {spec.name!r}: {error}") from error
        where = "it was given from Python" if given else why(spec.name)
        raise SSSDError(f"{of_plugin} cannot be made: {one_line(error)}; {where}") from error
    if not isinstance(made, nn.Module):
        raise SSSDError(f"{of_plugin} makes {type(made).__name__}, which is no torch.nn.Module")
    check_kinds(made, of_plugin)
    return made


def check_kinds(head: nn.Module, named: str) -> None:
    """Refuse, before anything is trained, tensors that a model folder does not keep.

    Raises:
        SSSDError: a parameter or buffer that is saved and is no floating-point number.
    """
    for name, tensor in head.state_dict().items():
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            remedy = (
                "keep it as pairs of real numbers (torch.view_as_real)"
                if tensor.is_complex()
                else "register it with persistent=False, or leave it out of the module"
            )
            raise SSSDError(f"{named} keeps {name!r} as {kind}, and a model keeps floating-point numbers: {remedy}")
