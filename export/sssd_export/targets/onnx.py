"""The ``onnx`` target: a plugin like anyone's. Importing it costs nothing; building imports torch and onnx-ir."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sssd_engine.nvidia import why_no_gpu
from sssd_export.targets.common import load
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import ExportRequest, TargetSpec, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class OnnxOptions:
    """``--target onnx:provider=cuda``.

    Attributes:
        provider: cpu, or cuda for NVIDIA GPUs; prices in float64 then stay on the CPU.
    """

    provider: str = "cpu"


def build(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Write the graph, or graphs, and the manifest into ``folder``; returns the manifest.

    Raises:
        SSSDError: no such provider, or the engine does not match the live scheduler.
    """
    from sssd_export.build.assemble import build_engine, save_onnx
    from sssd_export.build.part_plan import HOST, Compiler

    save = functools.partial(save_onnx, precision=request.precision)
    if request.options.provider == "cpu":
        compiler = Compiler(HOST, save, float64=True)
    elif request.options.provider == "cuda":
        if request.precision != "fp32":
            raise SSSDError(f"onnx:provider=cuda is for fp32, not {request.precision}: its products are the CPU's")
        if request.loop == "loop":
            raise SSSDError(
                "onnx:provider=cuda replays CUDA graphs, and ONNX Runtime records none of a graph with a Loop: leave"
                " --loop out, or take --loop step"
            )
        # Of whole numbers, and of float64, little is on the GPU, and a CUDA graph has to be there whole.
        compiler = Compiler("onnxruntime-cuda", save, float64=False, build_only_reason=why_no_gpu() or _why_no_cuda())
    else:
        raise SSSDError(f"onnx:provider is cpu or cuda, not {request.options.provider!r}")
    return build_engine(request, folder, "onnx", compiler)


def _why_no_cuda() -> str:
    from sssd_engine.onnx_cuda_part import why_no_cuda

    return why_no_cuda()


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "ONNX Runtime; the engine runs with numpy and onnxruntime alone"
    return [TargetSpec("onnx", summary, build, load, OnnxOptions, precisions=("fp32", "int8"))]
