"""Options of a plugin, from text or from a dictionary, checked against the plugin's dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sssd_registry.errors import SSSDError, near_matches


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """``"dpmsolver++:solver_order=3,use_karras_sigmas=true"`` -> name and options, both still text."""
    name, _, rest = text.partition(":")
    options: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise SSSDError(f"{text!r}: options are written NAME:key=value,key=value; {part!r} has no '='")
        options[key.strip()] = value.strip()
    return name.strip(), options


def build_options(kind: str, name: str, options: type, values: Mapping[str, Any]) -> Any:
    """An instance of the dataclass ``options`` with ``values``, converted by its annotations.

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
