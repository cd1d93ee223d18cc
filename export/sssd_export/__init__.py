"""Engines: build one with ``sssd-export``, run one with :func:`load_engine`.

Building needs torch and the ``export`` extra. Running needs numpy and onnxruntime, nothing else: not torch, not
pandas, not the rest of this project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sssd_engine.engine import Engine as Engine
    from sssd_engine.engine import EngineError as EngineError
    from sssd_engine.engine import load_engine as load_engine

__all__ = ["Engine", "EngineError", "load_engine"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sssd_export' has no attribute {name!r}")
    from sssd_engine import engine

    return getattr(engine, name)
