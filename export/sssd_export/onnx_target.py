"""The ``onnx`` target: a plugin like anyone's. Importing it costs nothing; building imports torch and onnx-ir."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sssd_registry.hookspecs import ExportRequest, TargetSpec, hookimpl

if TYPE_CHECKING:
    from sssd_export.forecaster import EngineForecaster

SSSD_HOOK_API = 1


def build(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Write the graph, or graphs, and the manifest into ``folder``; returns the manifest.

    Raises:
        SSSDError: the engine does not match the live scheduler.
    """
    from sssd_export.build import build_engine, save_onnx
    from sssd_export.layout import HOST, Compiler

    compiler = Compiler(HOST, functools.partial(save_onnx, precision=request.precision), float64=True)
    return build_engine(request, folder, "onnx", compiler, packages=["onnxruntime"])


def load(folder: Path) -> EngineForecaster:
    """Load an engine for the command line."""
    from sssd_export.forecaster import open_engine

    return open_engine(folder)


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "ONNX Runtime; the engine runs with numpy and onnxruntime alone"
    return [TargetSpec("onnx", summary, build, load, precisions=("fp32", "int8"))]
