"""Kinds of entries of a manifest, to check JSON by. Runtime half: the standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MANIFEST = "manifest.json"
# Names that are devices on Windows, in every folder and with every ending.
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
            *(f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³")}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """Kind of value that an entry has to hold.

    Attributes:
        what: in words.
        holds: whether a value is that.
        optional: it may be missing.
    """

    what: str
    holds: Callable[[Any], bool]
    optional: bool = False


def whole(low: int, high: int) -> Kind:
    """A whole number between two, both included."""
    return Kind(f"a whole number from {low} to {high}", lambda value: _is_whole(value) and low <= value <= high)


def words(*known: str) -> Kind:
    """One of some words."""
    return Kind(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


def maybe(kind: Kind) -> Kind:
    """The same, or null, or left out."""
    return Kind(f"{kind.what}, or null", lambda value: value is None or kind.holds(value), optional=True)


def each(kind: Kind, low: int = 0, high: int = 10_000) -> Kind:
    """A list of such."""
    return Kind(
        f"a list of {low} to {high} entries, each {kind.what}",
        lambda value: isinstance(value, list) and low <= len(value) <= high and all(map(kind.holds, value)),
    )


def table(kind: Kind, most: int = 10_000) -> Kind:
    """A mapping of texts to such."""
    return Kind(
        f"an object whose values are each {kind.what}",
        lambda value: isinstance(value, dict) and len(value) <= most and all(map(kind.holds, value.values())),
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_file_name(value: Any) -> bool:
    """A file in the folder itself: no separator and no device of any system, nothing that a file system chokes on."""
    return (
        isinstance(value, str)
        and 0 < len(value.encode()) <= 255
        and value not in (".", "..", MANIFEST)
        and value.isprintable()
        and not set(value) & set("/\\:")
        and value.partition(".")[0].rstrip(" ").upper() not in _DEVICES
        and value[-1] not in ". "  # which Windows leaves away
    )


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


TEXT = Kind("text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
NUMBER = Kind("a number", _is_number)
COUNT = whole(1, 1_000_000)
ANYTHING = Kind("an object", lambda value: isinstance(value, dict))
FILE = Kind("the name of a file in the folder", _is_file_name)
SIZE = Kind("a size, or a name", lambda value: isinstance(value, str) or (_is_whole(value) and 0 <= value < 2**31))
SHA256 = Kind("a SHA-256", _is_hash)
SECONDS = whole(-(2**40), 2**40)
