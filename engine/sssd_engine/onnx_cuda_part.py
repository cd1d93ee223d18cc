"""A graph that ONNX Runtime runs on an NVIDIA GPU. Runtime half: numpy and onnxruntime-gpu.

Inputs and outputs stay bound to the GPU's memory. Calls of shapes that were seen before replay a CUDA graph.

The machines that this project is tested on have no GPU: it has not been run there. Tests marked ``gpu`` run it.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from sssd_engine.manifest import EngineError
from sssd_engine.part import Array, Part, Values, onnx_session

PROVIDER = "CUDAExecutionProvider"
# float32 is to be float32: TF32 rounds products to ten bits.
_OPTIONS = {"enable_cuda_graph": "1", "use_tf32": "0"}
# Shapes with a CUDA graph, which ONNX Runtime keeps as long as the session: others run without one.
_MOST_LANES, _NO_GRAPH = 16, -1
_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


class OnnxCudaPart:
    """A session; one call at a time, since a CUDA graph's memory is written by each.

    Args:
        session: the session.
        device: whose memory is bound: ``cuda``, or ``cpu`` to try all but the GPU.
    """

    def __init__(self, session: Any, device: str = "cuda") -> None:
        self.session, self.device = session, device
        self.inputs = tuple(value.name for value in session.get_inputs())
        self.lock = threading.Lock()
        self.lanes: dict[Any, _Lane] = {}

    def __call__(self, feed: Values) -> dict[str, Array]:
        arrays = {name: np.ascontiguousarray(feed[name]) for name in self.inputs}
        shapes = tuple(array.shape for array in arrays.values())
        with self.lock:
            lane = self.lanes.get(shapes)
            if lane is None and len(self.lanes) < _MOST_LANES:
                lane = self.lanes[shapes] = _Lane(self.session, arrays, 1 + len(self.lanes), self.device)
            if lane is None:
                lane = _Lane(self.session, arrays, _NO_GRAPH, self.device)
            return lane.run(arrays)


class _Lane:
    """Memory and CUDA graph for inputs of some shapes.

    Args:
        session: the session.
        arrays: inputs.
        number: of the CUDA graph, from 1; -1 for none.
        device: whose memory is bound.
    """

    def __init__(self, session: Any, arrays: Values, number: int, device: str) -> None:
        self.session, self.binding = session, session.io_binding()
        self.options = onnxruntime.RunOptions()
        self.options.add_run_config_entry("gpu_graph_id", str(number))
        sizes: dict[str, int] = {}
        self.given, self.made = {}, {}
        for value in session.get_inputs():
            array = arrays[value.name]
            sizes |= {name: size for name, size in zip(value.shape, array.shape, strict=True) if isinstance(name, str)}
            self.given[value.name] = onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0)
            self.binding.bind_ortvalue_input(value.name, self.given[value.name])
        for value in session.get_outputs():
            shape = [sizes[size] if isinstance(size, str) else size for size in value.shape]
            made = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, _DTYPES[value.type], device, 0)
            self.made[value.name] = made
            self.binding.bind_ortvalue_output(value.name, made)

    def run(self, arrays: Values) -> dict[str, Array]:
        for name, array in arrays.items():
            self.given[name].update_inplace(array)
        self.session.run_with_iobinding(self.binding, self.options)
        return {name: value.numpy() for name, value in self.made.items()}


def why_no_cuda() -> str:
    """Say why ONNX Runtime cannot use a GPU here; ``""`` where it can."""
    if PROVIDER in onnxruntime.get_available_providers():
        return ""
    return "this ONNX Runtime has no CUDA provider: pip uninstall onnxruntime, then pip install 'sssd-engine[gpu]'"


def open_onnx_cuda(file: Path, threads: int) -> Part:
    """Open a graph on the first GPU.

    Raises:
        EngineError: the provider is not there or cannot be loaded; nothing falls back to the CPU in silence.
    """
    if reason := why_no_cuda():
        raise EngineError(f"{file} is for an NVIDIA GPU: {reason}")
    session = onnx_session(file, threads, (PROVIDER, _OPTIONS))
    if PROVIDER not in session.get_providers():  # onnxruntime only warns
        raise EngineError(
            f"{file} is for an NVIDIA GPU: ONNX Runtime has the CUDA provider, but could not load it; CUDA and cuDNN"
            " have to be of the versions that it was built for"
        )
    return OnnxCudaPart(session)
