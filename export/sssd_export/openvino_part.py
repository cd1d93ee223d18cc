"""A graph that OpenVINO runs on the CPU. Runtime half: numpy and openvino."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from sssd_export.runtimes import Array, Part, Values

# What OpenVINO may compute in. Weights of an int8 engine say by their own type that they are.
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}


class OpenVINOPart:
    """A compiled model; an inference request for each thread, since one request runs one inference at a time."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled
        self.inputs = tuple(port.get_any_name() for port in compiled.inputs)
        self.outputs = [port.get_any_name() for port in compiled.outputs]
        self.local = threading.local()

    def __call__(self, feed: Values) -> dict[str, Array]:
        request = getattr(self.local, "request", None)
        if request is None:
            request = self.local.request = self.compiled.create_infer_request()
        made = request.infer({name: np.ascontiguousarray(feed[name]) for name in self.inputs})
        # The request's own memory, which its next inference overwrites.
        return {name: np.array(made[index]) for index, name in enumerate(self.outputs)}


def open_openvino(file: Path, precision: str, threads: int) -> Part:
    """Compile an OpenVINO IR file for this machine's CPU."""
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return OpenVINOPart(openvino.Core().compile_model(str(file), "CPU", settings))
