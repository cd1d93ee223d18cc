"""Packages that not everybody needs, and the line that says how to install one."""

from __future__ import annotations

import importlib.util

from sssd_registry.errors import SSSDError

# Package -> the extra of this distribution that installs it.
_EXTRAS = {
    "pyarrow": "parquet",
    "matplotlib": "plot",
    "plotly": "report",
    "optuna": "search",
    "holidays": "holidays",
    "ray": "scale",
}


def installed(package: str) -> bool:
    """Tell whether ``package`` could be imported."""
    return importlib.util.find_spec(package) is not None


def require(package: str, what: str) -> None:
    """Refuse, before any work, what would end in an ImportError after it.

    Args:
        package: one that an extra installs.
        what: what needs it, as the message begins.

    Raises:
        SSSDError: it is not installed; says what to install.
    """
    if not installed(package):
        raise SSSDError(f"{what} needs {package}: pip install 'sssd-registry[{_EXTRAS[package]}]'")
