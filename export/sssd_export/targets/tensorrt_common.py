"""What the targets ``tensorrt`` and ``tensorrt-rtx`` share: all but the module, and where each can build and run."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sssd_export.targets.common import load
from sssd_registry.plugin_api.hookspecs import ExportRequest, TargetSpec

if TYPE_CHECKING:
    import onnx_ir as ir

    from sssd_export.build.part_plan import Example


@dataclass(frozen=True)
class TensorRTOptions:
    """``--target tensorrt:max_windows=256``.

    Attributes:
        max_windows: most windows of one call.
        max_samples: most samples of one call.
        timing_cache: file of tactics' timings, to build faster again; one is written if there is none.
        refit: keep the weights replaceable, for ``sssd-export refit``; needs a GPU to build.
    """

    max_windows: int = 64
    max_samples: int = 1000
    timing_cache: str = ""
    refit: bool = False


@dataclass(frozen=True)
class TensorRTRTXOptions:
    """``--target tensorrt-rtx:compute_capabilities=86+89``.

    Attributes:
        max_windows: most windows of one call.
        max_samples: most samples of one call.
        compute_capabilities: GPUs to build for, with + between; default: 80, 86, 89, 120 and later.
        refit: keep the weights replaceable, for ``sssd-export refit``; needs a GPU to build.
    """

    max_windows: int = 64
    max_samples: int = 1000
    compute_capabilities: str | int = ""
    refit: bool = False


def build(request: ExportRequest, folder: Path, *, target: str, module: str, packages: tuple[str, ...]) -> Any:
    """Write the engine into ``folder``; returns the manifest. ``module`` is one of two names that the targets give.

    Raises:
        SSSDError: the graph or the GPUs cannot be had, or the engine does not match the live scheduler.
    """
    from sssd_engine.nvidia import why_no_gpu
    from sssd_export.build.assemble import build_engine
    from sssd_export.build.part_plan import Compiler
    from sssd_export.targets.tensorrt_build import Profile, compile_plan, refit_plan
    from sssd_registry.errors import SSSDError

    options, no_gpu, trt = request.options, why_no_gpu(), importlib.import_module(module)
    if options.refit and no_gpu:
        raise SSSDError(f"{target}:refit=true needs an NVIDIA GPU to build: {no_gpu}")
    cache = getattr(options, "timing_cache", "")
    compile_part = functools.partial(
        compile_plan,
        trt,
        precision=request.precision,
        profile=Profile((1, 1, options.max_windows), (1, request.num_samples, options.max_samples)),
        compute_capabilities=[each for each in str(getattr(options, "compute_capabilities", "")).split("+") if each],
        timing_cache=Path(cache) if cache else None,
        refit=options.refit,
    )
    compiler = Compiler(
        target,
        compile_part,
        float64=False,
        version=importlib.metadata.version(packages[0]),
        build_only_reason=no_gpu,
        stand_in=functools.partial(_stand_in, request.precision),
        refit=functools.partial(refit_plan, trt, precision=request.precision),
    )
    return build_engine(request, folder, target, compiler, packages=packages)


def _stand_in(precision: str, model: ir.Model, example: Example) -> ir.Model:
    """A graph of the same roundings, of operators that ONNX Runtime has on the CPU."""
    from sssd_export.graph.lower_precision import emulated
    from sssd_export.graph.quantise import quantised

    return quantised(model, example) if precision == "int8" else emulated(model, precision)


def target(
    name: str, summary: str, module: str, packages: tuple[str, ...], options: type, unavailable: Any
) -> TargetSpec:
    """One of the two."""
    from sssd_engine.nvidia import why_no_gpu

    made = functools.partial(build, target=name, module=module, packages=packages)
    precisions = ("fp32", "fp16", "bf16", "int8")
    return TargetSpec(name, summary, made, load, options, unavailable, precisions, why_no_gpu)
