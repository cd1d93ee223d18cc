"""The one exception type of our own: something the user can put right.

The command line turns it into one line and exit code 2; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SSSDError(ValueError):
    """Bad input: says what came, where, what was expected and what to do."""


class UnknownNameError(SSSDError, LookupError):
    """A name that nothing answers to."""


def near_matches(name: str, known: Iterable[str]) -> str:
    """A sentence for an error message: the names like ``name``, or all of them when none is like it."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(match) for match in near) + "?"
    return "known: " + (", ".join(names) if names else "none")
