"""A graph that OpenVINO runs on the CPU. Runtime half: numpy and openvino."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from sssd_engine.manifest import EngineError
from sssd_engine.part import Array, Part, Values

# What OpenVINO may compute in. Weights of an int8 engine say by their own type that they are.
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}


class OpenVINOPart:
    """A compiled model; an inference request for each thread, since one request runs one inference at a time.

    Args:
        compiled: the model.
        inputs: names of what it takes, in any order.
        outputs: the same of what it makes. A port has all names that its value had on its way through the graph: which
            of them is the one that other parts know, the model itself does not say.

    Raises:
        EngineError: the model has a port of none of these names.
    """

    def __init__(self, compiled: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.compiled = compiled
        self.inputs = tuple(_known(port, inputs) for port in compiled.inputs)
        self.outputs = [_known(port, outputs) for port in compiled.outputs]
        self.local = threading.local()

    def __call__(self, feed: Values) -> dict[str, Array]:
        request = getattr(self.local, "request", None)
        if request is None:
            request = self.local.request = self.compiled.create_infer_request()
        try:
            made = request.infer(dict(enumerate(np.ascontiguousarray(feed[name]) for name in self.inputs)))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot run this engine: {' '.join(str(error).split())[:300]}") from error
        # The request's own memory, which its next inference overwrites.
        return {name: np.array(made[index]) for index, name in enumerate(self.outputs)}


def _known(port: Any, names: Sequence[str]) -> str:
    found = [name for name in names if name in port.get_names()]
    if len(found) != 1:
        raise EngineError(f"a port of the graph has the names {sorted(port.get_names())}, none of {', '.join(names)}")
    return found[0]


def open_openvino(file: Path, entry: Mapping[str, Any], threads: int) -> Part:
    """Compile an OpenVINO IR file for this machine's CPU.

    Raises:
        EngineError: it is none, or has other inputs and outputs than ``entry`` says.
    """
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": HINTS[entry["precision"]],
        "PERFORMANCE_HINT": "LATENCY",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    with file.open("rb") as stream:
        if stream.read(5) != b"<?xml":  # OpenVINO would try whether it is a graph of any other framework
            raise EngineError(f"{file} is no graph of OpenVINO's own: export anew")
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)
    return OpenVINOPart(compiled, *([port["name"] for port in entry[side]] for side in ("inputs", "outputs")))
