"""Writing the distribution."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.resources
import importlib.util
import keyword
import re
from pathlib import Path
from typing import Literal

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.plugin_api.check_spec import TUNED
from sssd_registry.plugin_api.discovery import asked_as
from sssd_registry.plugin_api.registry import registry

Kind = Literal["scheduler", "sampler", "head", "target", "tracker", "metric"]


def new_plugin(name: str, kind: Kind, folder: Path) -> Path:
    """Write ``folder / name``, complete or not at all; returns it.

    Args:
        name: of the distribution, and of what it registers.
        kind: what it registers.
        folder: where to put it.

    Raises:
        SSSDError: not a name for a distribution, a name that is taken, or a folder that is there already.
    """
    module = check_name(name, kind)
    target = folder / name
    if target.exists():
        raise SSSDError(f"{target} is there already: choose another name, or another folder with --out")
    with atomic_directory(target, owner=None) as new:
        (new / module).mkdir()
        (new / "tests").mkdir()
        for template, path in _files(kind, module):
            text = template.replace("DISTRIBUTION", name).replace("MODULE", module)
            (new / path).write_text(text, encoding="utf-8")
    return target


def check_name(name: str, kind: Kind) -> str:
    """The import package's name, if the distribution can have this one.

    Raises:
        SSSDError: it cannot.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise SSSDError(f"{name!r} is no name for a plugin: take small letters, digits and single hyphens")
    if name == TUNED:
        raise SSSDError(f"{name!r} is what a model's own solvers are called: choose another name")
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or importlib.util.find_spec(module) is not None:
        raise SSSDError(f"{name!r} is the name of a Python module that is there already: choose another")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        there = importlib.metadata.metadata(name)
        raise SSSDError(
            f"{there['Name']} {there['Version']} is installed, and yours would replace it: choose another name"
        )
    for entry in registry().entries:
        if (asked_as(entry.kind), entry.name) == (asked_as(kind), name):
            raise SSSDError(f"there is a {entry.kind} {name!r} already, of {entry.origin}: choose another name")
    return module


def _files(kind: Kind, module: str) -> list[tuple[str, str]]:
    """Templates, with where they go."""
    root = importlib.resources.files("sssd_registry.newplugin")
    named = [
        ("pyproject.toml.txt", "pyproject.toml"),
        (f"{kind}/plugin.py.txt", f"{module}/__init__.py"),
        (f"{kind}/{kind}.py.txt", f"{module}/{kind}.py"),
        (f"{kind}/test.py.txt", f"tests/test_{module}.py"),
        (f"{kind}/README.md.txt", "README.md"),
    ]
    return [(root.joinpath(source).read_text(encoding="utf-8"), path) for source, path in named]
