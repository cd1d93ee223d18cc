"""Detection of a GPU: the driver itself is asked, so that no package has to be imported."""

from __future__ import annotations

import ctypes
import functools


@functools.cache
def why_no_gpu() -> str:
    """Say why nothing can run on an NVIDIA GPU here; ``""`` where something can."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no GPU (no NVIDIA driver)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "no GPU"
    return ""
