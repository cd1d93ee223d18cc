"""Options of a plugin, from text or from a dictionary, checked against the plugin's dataclass."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from sssd_registry.errors import SSSDError, near_matches

_COMMA = re.compile(r",(?![^\[]*\])")  # one that is not inside of [ ]


def split_options(text: str) -> tuple[str, dict[str, Any]]:
    """``"dpmsolver++:solver_order=3,use_karras_sigmas=true"`` -> the name, and the options as values.

    A value is read as TOML where it is TOML (``3``, ``0.5``, ``[64, 32]``, ``true``) and as text otherwise.

    Raises:
        SSSDError: no name, an option without ``=``, or one given twice.
    """
    name, _, rest = text.partition(":")
    if not name.strip():
        raise SSSDError(f"{text!r} names nothing: expected NAME or NAME:key=value,key=value")
    options: dict[str, Any] = {}
    for option in filter(None, (option.strip() for option in _COMMA.split(rest))):
        key, equals, value = (piece.strip() for piece in option.partition("="))
        if not equals:
            raise SSSDError(f"{text!r}: options are written NAME:key=value,key=value; {option!r} has no '='")
        if key in options:
            raise SSSDError(f"{text!r}: option {key!r} is given twice; name each once")
        options[key] = parse_value(value)
    return name.strip(), options


def parse_value(text: str) -> Any:
    """``text`` as a TOML value if it is one, else ``text`` itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # no TOML, or a number of thousands of digits
        return text.strip()


def build_options(kind: str, name: str, options: type, values: Mapping[str, Any]) -> Any:
    """An instance of the dataclass ``options`` with ``values``, converted by its annotations.

    Args:
        kind: what the plugin offers (``scheduler``, ``head``), for messages.
        name: its name, for messages.
        options: a dataclass with a default for every field.
        values: by field; lists become tuples, numbers and texts what the field is annotated as.

    Raises:
        SSSDError: a key that the dataclass does not have, or a value of the wrong type.
    """
    from pydantic import TypeAdapter, ValidationError

    known = [field.name for field in dataclasses.fields(options)]
    for key in values:
        if key not in known:
            raise SSSDError(f"{kind} {name!r} has no option {key!r}: {near_matches(key, known)}")
    try:
        return TypeAdapter(options).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SSSDError(f"{kind} {name!r}, option {where}: {first['msg']}, got {first['input']!r}") from None
