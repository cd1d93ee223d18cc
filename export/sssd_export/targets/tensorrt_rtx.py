"""The ``tensorrt-rtx`` target: builds anywhere, runs on NVIDIA GPUs of a workstation."""

from __future__ import annotations

from sssd_export.targets.common import not_installed
from sssd_export.targets.tensorrt_common import TensorRTRTXOptions, target
from sssd_registry.plugin_api.hookspecs import TargetSpec, hookimpl

SSSD_HOOK_API = 1


def unavailable() -> str:
    """Say what to install for the target; ``""`` where it is installed."""
    return not_installed("tensorrt_rtx", "tensorrt-rtx")


@hookimpl
def register_targets() -> list[TargetSpec]:
    summary = "TensorRT for RTX: NVIDIA GPUs from compute capability 7.5; builds without one"
    packages = ("tensorrt-rtx-cu12",)
    return [target("tensorrt-rtx", summary, "tensorrt_rtx", packages, TensorRTRTXOptions, unavailable)]
