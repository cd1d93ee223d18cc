"""Other values for a plugin's options: for tests that setting one does something."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def other_values(options: Any) -> Iterator[tuple[str, list[Any]]]:
    """Name every option of an instance, with a few other values for it; none for a kind that has no obvious ones."""
    hints = get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        made = [other for other in _values(hints[field.name], value) if other != value]
        yield field.name, made


def _values(hint: Any, value: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return [other for kind in get_args(hint) if kind is not type(None) for other in _values(kind, value)]
    if hint is bool:
        return [not value]
    if hint is int:
        return [value + 1, 2 * value, max(1, value // 2)] if value is not None else [1, 2, 4]
    if hint is float:
        return [0.0, 0.1 * value, 2.0 * value, value + 0.5] if value is not None else [0.5, 1.0, 2.0]
    if get_origin(hint) is tuple and value:
        return [value[:-1], (*value, value[-1]), tuple(2 * one for one in value)]
    return []
