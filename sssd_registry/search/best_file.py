"""A configuration as TOML, for ``sssd train --config``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sssd_registry.config import Config
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file, check_file


def check_config_file(path: Path) -> None:
    """Refuse now what :func:`write_config` would refuse after hours.

    Raises:
        SSSDError: another ending than ``.toml``, or there is no such folder.
    """
    if path.suffix.lower() != ".toml":
        raise SSSDError(f"{path}: a configuration is written as .toml")
    check_file(path)


def write_config(config: Config, path: Path) -> None:
    """Write every setting that is not left to the data.

    Raises:
        SSSDError: as :func:`check_config_file`, or the file cannot be written.
    """
    check_config_file(path)
    sections = [f"[{name}]\n{_lines(section)}" for name, section in config.model_dump().items()]
    with atomic_file(path) as new:
        new.write_text("\n".join(sections), encoding="utf-8")


def _lines(section: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_toml(value)}\n" for name, value in section.items() if value is not None)


def _toml(value: Any) -> str:
    """Text of a value; strings, numbers and lists are as in JSON."""
    if isinstance(value, Mapping):
        inner = [f"{json.dumps(name, ensure_ascii=False)} = {_toml(one)}" for name, one in value.items()]
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
