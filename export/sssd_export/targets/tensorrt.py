"""The ``tensorrt`` target: NVIDIA's data-centre package, which builds for the GPU that it builds on."""

from __future__ import annotations

from sssd_engine.nvidia import why_no_gpu
from sssd_export.targets.common import not_installed
from sssd_export.targets.tensorrt_common import TensorRTOptions, target
from sssd_registry.plugin_api.hookspecs import TargetSpec, hookimpl

SSSD_HOOK_API = 1


def unavailable() -> str:
    """Say why the target cannot be built; ``""`` where it can. Without a GPU its builder cannot even be made."""
    missing = not_installed("tensorrt", "tensorrt")
    reason = why_no_gpu()
    return missing or (f"cannot build here: {reason}" if reason else "")


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "TensorRT: NVIDIA data-centre GPUs"
    return [target("tensorrt", summary, "tensorrt", ("tensorrt",), TensorRTOptions, unavailable)]
