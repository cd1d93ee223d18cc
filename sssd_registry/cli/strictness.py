"""``--strict``: what is else a warning, that a series is left out, ends the command."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def strictly(strict: bool) -> Iterator[None]:
    """Refuse data of which a series is left out, while the block runs.

    Raises:
        SSSDError: a series is left out, and ``strict``.
    """
    from sssd_registry.errors import LeftOutWarning, SSSDError

    if not strict:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeftOutWarning)
        try:
            yield
        except LeftOutWarning as error:
            raise SSSDError(f"{error}; mend or remove these series, or leave --strict away") from None
