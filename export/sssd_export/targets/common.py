"""Helpers that our targets share. Importing them costs nothing: targets are imported to be listed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sssd_export.forecaster import EngineForecaster


def load(folder: Path) -> EngineForecaster:
    """Load an engine for the command line."""
    from sssd_export.forecaster import open_engine

    return open_engine(folder)


def not_installed(module: str, extra: str) -> str:
    """Say how to install what a target needs; ``""`` where it is installed."""
    return "" if importlib.util.find_spec(module) else f"not installed: pip install 'sssd-registry[{extra}]'"
