"""Compiled forecasters: ``load_engine(folder)`` runs one with numpy and the runtime it was compiled for.

Neither torch nor pandas nor the project that builds engines is needed.
"""

from __future__ import annotations

from sssd_engine.engine import Encoded, Engine, EngineForecast, load_engine
from sssd_engine.manifest import EngineError

__version__ = "0.1.0"

__all__ = ["Encoded", "Engine", "EngineError", "EngineForecast", "__version__", "load_engine"]
