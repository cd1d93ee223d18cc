"""The ``torch-aot`` target: encoder and loop compiled by torch's AOTInductor; prices in float64 in ONNX Runtime.

It runs wherever torch of the same version does. What it compiles is machine code, which only those load who trust it.
"""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sssd_export.targets.common import load
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import ExportRequest, TargetSpec, hookimpl

if TYPE_CHECKING:
    import onnx_ir as ir

    from sssd_export.build.part_plan import Example

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class TorchAotOptions:
    """``--target torch-aot:device=cuda``.

    Attributes:
        device: cpu, or cuda for the GPU that it is built on.
    """

    device: str = "cpu"


def build(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Write the engine into ``folder``; returns the manifest.

    Raises:
        SSSDError: a form of the loop that it has not, no such device, or the engine misses parity.
    """
    import torch

    from sssd_engine.torch_aot_part import processor
    from sssd_export.build.assemble import build_engine
    from sssd_export.build.part_plan import Compiler

    device = request.options.device
    if device not in ("cpu", "cuda"):
        raise SSSDError(f"torch-aot:device is cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise SSSDError("torch-aot:device=cuda compiles on the GPU that it is for, and torch finds none")
    if request.loop != "unrolled" or request.split:
        raise SSSDError("torch-aot compiles the whole loop as one: it takes neither --loop nor --split")
    version = f"{torch.__version__} {device} {processor()}"
    compiler = Compiler("torch-aot", functools.partial(save_package, request), float64=False, version=version)
    return build_engine(request, folder, "torch-aot", compiler)


def save_package(request: ExportRequest, model: ir.Model, folder: Path, name: str, _example: Example) -> dict[str, Any]:
    """Compile what the graph says, from the network itself: ``NAME.pt2``."""
    import torch

    from sssd_engine.torch_aot_part import processor
    from sssd_export.build.compile_torch import compile_package

    device = request.options.device
    order = compile_package(request, folder / f"{name}.pt2", device)
    if sorted(order) != sorted(str(value.name) for value in model.graph.inputs):
        raise RuntimeError(f"the program takes {order}, and the graph something else")
    package = {
        "torch": str(torch.__version__),
        "device": device,
        "processor": processor(),
        "order": list(order),
    }
    return {"graph": f"{name}.pt2", "package": package}


def unavailable() -> str:
    """Say why the target cannot be built; ``""`` where it can."""
    compiler = os.environ.get("CXX", "g++")
    return "" if shutil.which(compiler) else f"there is no C++ compiler {compiler}: install one, or set CXX"


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "AOTInductor: machine code that torch runs; for those who trust who built it"
    return [TargetSpec("torch-aot", summary, build, load, TorchAotOptions, unavailable, native_code=True)]
