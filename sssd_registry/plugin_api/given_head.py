"""Heads that are given from Python, ``train(…, head=factory)``, and come from no plugin.

A model keeps the qualified name of such a factory, to say what it needs. The name is never imported: whoever opens the
model gives the factory again.
"""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sssd_registry.config import Config
from sssd_registry.errors import SSSDError, shortened
from sssd_registry.plugin_api.check_spec import check_offer
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.registry import registry

if TYPE_CHECKING:
    from torch import nn

# Before the factory's name in ``model.head``. No plugin's head has a colon in its name.
GIVEN = "python:"

# A factory as a plugin's, ``(latent size D, condition size C, options) -> module``; a specification, where it has
# options or looks along tokens; or the name of a plugin's head.
Head = HeadSpec | Callable[[int, int, Any], "nn.Module"] | str


def head_spec(head: Head) -> HeadSpec:
    """Describe a head that is given from Python; its name is ``python:`` and the factory's qualified name.

    Raises:
        SSSDError: neither a function, nor a sound specification, nor the name of a head.
    """
    if isinstance(head, str):
        return registry().heads[head]
    if isinstance(head, HeadSpec) and is_given(head.name):
        return head  # it was described before
    if not isinstance(head, HeadSpec) and not callable(head):
        raise SSSDError(
            f"head= takes a factory (latent_size, cond_size, options) -> torch.nn.Module, a HeadSpec, or the name of a"
            f" plugin's head; got {shortened(repr(head))}"
        )
    spec = head if isinstance(head, HeadSpec) else HeadSpec("given", "given from Python", head)
    try:
        check_offer(spec, "head= takes a HeadSpec")
    except TypeError as error:
        raise SSSDError(str(error)) from None
    if reason := spec.unavailable():
        raise SSSDError(f"head {spec.name!r} is unavailable: {reason}")
    return HeadSpec(GIVEN + _qualified(spec.factory), spec.summary, spec.factory, spec.options, tokens=spec.tokens)


def _qualified(factory: Any) -> str:
    while isinstance(factory, functools.partial):
        factory = factory.func
    named = factory if hasattr(factory, "__qualname__") else type(factory)
    return f"{named.__module__}.{named.__qualname__}"


def with_head(config: Config, head: HeadSpec | None) -> Config:
    """Name the head in a configuration; as it is, where none is given."""
    if head is None:
        return config
    return config.model_copy(update={"model": config.model.model_copy(update={"head": head.name})})


def check_sent(head: HeadSpec) -> None:
    """Refuse a head that processes of their own could not import.

    Raises:
        SSSDError: it is a function within a function, or of a notebook.
    """
    main = sys.modules["__main__"]
    try:
        pickle.dumps(head)
        if b"__main__" in pickle.dumps(head.factory) and not hasattr(main, "__file__"):
            raise TypeError("it is defined in a notebook or at a prompt")
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SSSDError(
            f"head {factory_name(head.name)} cannot be sent to other processes: {shortened(error, 120)}; put it into a"
            " module, or take jobs=1"
        ) from None


def is_given(name: str) -> bool:
    """Tell whether ``model.head`` names a factory that was given from Python."""
    return name.startswith(GIVEN)


def factory_name(name: str) -> str:
    """The factory's qualified name, and in short, for messages."""
    return shortened(name.removeprefix(GIVEN), 120)


def reopen(folder: object, name: str) -> str:
    """Say how a model is opened whose head was given from Python, and how the command line comes to read it."""
    short = shortened(name.removeprefix(GIVEN).rpartition(".")[2])
    return (
        f"{folder} needs the head {factory_name(name)}, which was given from Python and is in no plugin: open it with"
        f" SSSDPipeline.from_pretrained({str(folder)!r}, head={short}); for the command line, put the head into a"
        f" plugin, open the model with head='its-name', and save it again"
    )
