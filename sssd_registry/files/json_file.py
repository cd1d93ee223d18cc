"""JSON files of a model, read with care: whatever is in one of them, it is understood or refused in one line."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sssd_registry.errors import SSSDError

# Far above what a model's files take; a scheduler of 100,000 time steps has 3 MB.
MAX_BYTES = 64 << 20
_MAX_CHARACTERS = 10_000
_MAX_INTEGER = 2**63

M = TypeVar("M", bound=BaseModel)


def read_json(file: Path, remedy: str, *, infinite: bool = False) -> dict[str, Any]:
    """The object in ``file``. A key given twice, a number that is none or over 64 bits, or an endless text is an error.

    Args:
        file: a plain file.
        remedy: ends every message: what to do about a damaged file.
        infinite: let infinities pass, which diffusers writes; NaN is never one of its numbers.

    Raises:
        SSSDError: it is missing, or not such an object.
    """
    try:
        if not file.is_file():
            raise FileNotFoundError
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
        number = _number if infinite else _finite
        tree = json.loads(
            content.decode(), object_pairs_hook=_object, parse_int=_integer, parse_float=number, parse_constant=number
        )
        if not isinstance(tree, dict):
            raise ValueError("an object in braces was expected")
        _check_texts(tree)
    except FileNotFoundError:
        raise SSSDError(f"{file} is missing: {remedy}") from None
    except RecursionError:
        raise SSSDError(f"{file} is damaged (nested without end): {remedy}") from None
    except (ValueError, OSError) as error:  # what json and the decoder raise are ValueErrors
        raise SSSDError(f"{file} is cut off or damaged ({error}): {remedy}") from None
    return tree


def validated(model: type[M], tree: Any, file: Path, remedy: str) -> M:
    """``tree``, read from ``file``, as ``model``.

    Raises:
        SSSDError: names the first field that is not what it should be.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        raise SSSDError(f"{file} is damaged ({_place(first['loc'])}: {first['msg']}): {remedy}") from None


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part)[:100] for part in location) or "the file"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:100]!r} is given twice")
    return made


def _integer(text: str) -> int:
    if len(text) > 20 or not -_MAX_INTEGER <= int(text) < _MAX_INTEGER:
        raise ValueError(f"{text[:20]}… is too large a number")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isnan(value):
        raise ValueError(f"{text} is not a number")
    return value


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return float(text)


def _check_texts(tree: Any) -> None:
    """Refuse texts that cannot be printed, or are as long as a book."""
    if isinstance(tree, str):
        tree.encode()  # half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
        if len(tree) > _MAX_CHARACTERS:
            raise ValueError(f"a text of {len(tree)} characters")
        if any(unicodedata.category(character) == "Cc" and character not in "\t\r\n" for character in tree):
            raise ValueError("a text with control characters")
    elif isinstance(tree, dict):
        for name, value in tree.items():
            _check_texts(name)
            _check_texts(value)
    elif isinstance(tree, list):
        for value in tree:
            _check_texts(value)
