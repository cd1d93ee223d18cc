"""Names that ``import sssd_registry`` offers: every verb of the command line, and names that nothing hides."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import sssd_registry

VERBS = {"train", "evaluate", "backtest", "compare", "tune", "distill", "open_forecaster"}


def test_every_verb_is_there() -> None:
    assert set(sssd_registry.__all__) >= VERBS


@pytest.mark.parametrize("name", sssd_registry.__all__)
def test_a_name_is_what_its_module_has(name: str) -> None:
    assert getattr(sssd_registry, name) is not None
    if name in VERBS:
        assert callable(getattr(sssd_registry, name))


def test_no_name_is_hidden_by_a_module_of_the_same_name() -> None:
    """Importing ``sssd_registry.x`` sets the package's attribute ``x``."""
    modules = {module.name for module in pkgutil.iter_modules(sssd_registry.__path__)}
    assert not modules & set(sssd_registry.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        sssd_registry.trian  # noqa: B018


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = "import sssd_registry, sys; print({'torch', 'diffusers', 'pandas', 'numpy', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
