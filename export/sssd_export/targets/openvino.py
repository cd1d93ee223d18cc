"""The ``openvino`` target: encoder and loop in OpenVINO, in float32 or bfloat16; prices in float64 in ONNX Runtime."""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sssd_export.targets.common import load, not_installed
from sssd_registry.plugin_api.hookspecs import ExportRequest, TargetSpec, hookimpl

if TYPE_CHECKING:
    import onnx_ir as ir

    from sssd_export.build.part_plan import Example

SSSD_HOOK_API = 1


def build(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Write the engine into ``folder``; returns the manifest.

    Raises:
        SSSDError: the engine does not match the live scheduler.
    """
    from sssd_export.build.assemble import build_engine
    from sssd_export.build.part_plan import Compiler

    save = functools.partial(save_ir, precision=request.precision)
    version = importlib.metadata.version("openvino")
    compiler = Compiler("openvino", save, float64=False, version=version, whole_bf16=True)
    return build_engine(request, folder, "openvino", compiler, packages=["openvino"])


def save_ir(model: ir.Model, folder: Path, name: str, example: Example, precision: str = "fp32") -> dict[str, Any]:
    """Convert a graph to OpenVINO's own format: ``NAME.xml`` and ``NAME.bin``."""
    import io

    import onnx_ir as ir
    import openvino

    from sssd_export.graph.quantise import quantise

    model = quantise(model, example) if precision == "int8" else model
    read = openvino.Core().read_model(io.BytesIO(ir.to_proto(model).SerializeToString()))
    openvino.save_model(read, str(folder / f"{name}.xml"), compress_to_fp16=False)
    return {"graph": f"{name}.xml"}


def missing() -> str:
    """Say why the target cannot be used; ``""`` where it can."""
    return not_installed("openvino", "openvino")


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "OpenVINO on the CPU; the engine runs with numpy, onnxruntime and openvino"
    return [TargetSpec("openvino", summary, build, load, unavailable=missing, precisions=("fp32", "bf16", "int8"))]
