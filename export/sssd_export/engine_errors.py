"""Translation of the runtime half's errors about an engine into those that a command prints in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sssd_engine.manifest import EngineError
from sssd_registry.errors import SSSDError


@contextmanager
def as_users_error() -> Iterator[None]:
    """Raise :class:`SSSDError` for an :class:`EngineError`: the runtime half does not know the core's."""
    try:
        yield
    except EngineError as error:
        raise SSSDError(str(error)) from None
