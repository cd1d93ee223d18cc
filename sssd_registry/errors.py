"""Exceptions for what the user can put right, and warnings of what the user should know.

The command line turns an error into one line and exit code 2, and a warning of ours
into one line on standard error; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SSSDError(ValueError):
    """Bad input: says what came, where, what was expected and what to do."""


class UnknownNameError(SSSDError, LookupError):
    """A name that nothing answers to."""


class DataWarning(UserWarning):
    """Data were read, but not as their owner may think: says what was done, with which column, row or series."""


class LeftOutWarning(DataWarning, SSSDError):
    """A series of a panel is left out: says which, and why. Where it is to be an error (``--strict``), it is one."""


class SolverWarning(UserWarning):
    """A solver samples, but not as exactly as it should: says which, in how many steps, and how far it is off."""


class TrackerWarning(UserWarning):
    """An experiment tracker failed, and follows the training no more: says which, and why."""


def near_matches(name: str, known: Iterable[str]) -> str:
    """A sentence for an error message: the names like ``name``, or all of them when none is like it."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(match) for match in near) + "?"
    return "known: " + (", ".join(names) if names else "none")


def some(names: Iterable[object], most: int = 10, length: int = 60) -> str:
    """The first names of many, none longer than ``length``, for a message that stays one line."""
    texts = [shortened(name, length) for name in names]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def shortened(text: object, most: int = 60) -> str:
    """Shorten what somebody wrote for a message: one line, and not long."""
    whole = " ".join(str(text).split()) if "\n" in str(text) else str(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"
