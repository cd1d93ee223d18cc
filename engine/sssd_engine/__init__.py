"""Compiled forecasters: ``load_engine(folder)`` runs one with numpy and the runtime it was compiled for.

Neither torch nor pandas nor the project that builds engines is needed. Names are loaded when they are first used: who
only asks for a driver (``sssd plugins``) does not wait for numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sssd_engine.bar_stream import BarStream, open_stream, restore_stream
    from sssd_engine.engine import Encoded, Engine, load_engine
    from sssd_engine.forecast import EngineForecast
    from sssd_engine.manifest import EngineError

__version__ = "0.1.0"

__all__ = [
    "BarStream",
    "Encoded",
    "Engine",
    "EngineError",
    "EngineForecast",
    "__version__",
    "load_engine",
    "open_stream",
    "restore_stream",
]
# Where what is not the engine's module's is from.
_ELSEWHERE = {"EngineError": "manifest", **dict.fromkeys(("BarStream", "open_stream", "restore_stream"), "bar_stream")}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sssd_engine' has no attribute {name!r}")
    return getattr(importlib.import_module(f"sssd_engine.{_ELSEWHERE.get(name, 'engine')}"), name)
