"""A TensorRT plan on an NVIDIA GPU, through a CUDA graph. Runtime half: numpy, TensorRT and cuda-bindings.

The machines that this project is tested on have no GPU: it has not been run there. Tests marked ``gpu`` run it.
"""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from cuda.bindings import runtime as cuda

from sssd_engine.manifest import EngineError
from sssd_engine.part import Array, Part, Values

_TO_DEVICE = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
_TO_HOST = cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
_CAPTURE = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal

# Graphs of one lane: each new pair of sizes records one, and each takes memory of the GPU.
_MOST_GRAPHS = 16


def _done(answer: tuple[Any, ...]) -> Any:
    """Return the values of a CUDA call's answer, or raise its error."""
    error, *values = answer
    if int(error) != 0:
        _, text = cuda.cudaGetErrorString(error)
        raise EngineError(f"CUDA: {text.decode()}")
    return values[0] if values else None


class TensorRTPart:
    """A plan, with an execution context, a stream and buffers for each thread that calls it."""

    def __init__(self, trt: Any, file: Path) -> None:
        self.trt = trt
        self.runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self.engine = self.runtime.deserialize_cuda_engine(file.read_bytes())
        if self.engine is None:
            raise EngineError(f"{file} was not built for this GPU, or for this version of {trt.__name__}: export anew")
        names = [self.engine.get_tensor_name(index) for index in range(self.engine.num_io_tensors)]
        self.inputs = tuple(name for name in names if self.engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT)
        self.outputs = tuple(name for name in names if name not in self.inputs)
        self.local = threading.local()

    def __call__(self, feed: Values) -> dict[str, Array]:
        lane = getattr(self.local, "lane", None)
        if lane is None:
            lane = self.local.lane = _Lane(self)
        return lane.run(feed)


class _Lane:
    """One thread's way through the engine. What it holds of the GPU is freed when its thread ends, or the engine."""

    def __init__(self, part: TensorRTPart) -> None:
        self.part = part
        self.context = part.engine.create_execution_context()
        self.stream = _done(cuda.cudaStreamCreate())
        self.buffers: dict[str, tuple[int, int]] = {}  # address, bytes
        self.graphs: dict[Any, Any] = {}  # by shapes, those used last at the end
        self.before: Any = None  # the shapes of the last call
        weakref.finalize(self, _free, self.stream, self.buffers, self.graphs)

    def run(self, feed: Values) -> dict[str, Array]:
        arrays = {name: np.ascontiguousarray(feed[name]) for name in self.part.inputs}
        for name, array in arrays.items():
            if not self.context.set_input_shape(name, array.shape):
                *_, largest = self.part.engine.get_tensor_profile_shape(name, 0)
                raise EngineError(f"{name} has shape {array.shape}; this engine takes at most {tuple(largest)}")
        made = {name: np.empty(tuple(self.context.get_tensor_shape(name)), self._dtype(name))
                for name in self.part.outputs}  # fmt: skip
        for name, array in (*arrays.items(), *made.items()):
            self.context.set_tensor_address(name, self._buffer(name, array.nbytes))
        for name, array in arrays.items():
            _done(cuda.cudaMemcpyAsync(self.buffers[name][0], array.ctypes.data, array.nbytes, _TO_DEVICE, self.stream))
        self._execute(tuple(array.shape for array in arrays.values()))
        for name, array in made.items():
            _done(cuda.cudaMemcpyAsync(array.ctypes.data, self.buffers[name][0], array.nbytes, _TO_HOST, self.stream))
        _done(cuda.cudaStreamSynchronize(self.stream))
        return made

    def _execute(self, shapes: Any) -> None:
        """Run by a CUDA graph, recorded when the same shapes come twice in a row.

        After a change of shapes TensorRT prepares itself in the next run, which must not be recorded.
        """
        changed, self.before = shapes != self.before, shapes
        graph = self.graphs.pop(shapes, None)
        if graph is None and changed:
            self._launch()
            return
        if graph is None:
            graph = self._recorded()
            while len(self.graphs) >= _MOST_GRAPHS:
                _done(cuda.cudaStreamSynchronize(self.stream))
                _done(cuda.cudaGraphExecDestroy(self.graphs.pop(next(iter(self.graphs)))))
        self.graphs[shapes] = graph
        _done(cuda.cudaGraphLaunch(graph, self.stream))

    def _recorded(self) -> Any:
        """A CUDA graph of one run."""
        _done(cuda.cudaStreamBeginCapture(self.stream, _CAPTURE))
        self._launch()
        graph = _done(cuda.cudaStreamEndCapture(self.stream))
        made = _done(cuda.cudaGraphInstantiate(graph, 0))
        _done(cuda.cudaGraphDestroy(graph))
        return made

    def _launch(self) -> None:
        if not self.context.execute_async_v3(int(self.stream)):
            raise EngineError(f"{self.part.trt.__name__} could not run the engine")

    def _buffer(self, name: str, size: int) -> int:
        """Device memory of at least that size; recorded graphs know addresses, so new memory forgets them."""
        address, room = self.buffers.get(name, (0, 0))
        if room < size:
            if address:
                _done(cuda.cudaStreamSynchronize(self.stream))
                _done(cuda.cudaFree(address))
            address = int(_done(cuda.cudaMalloc(max(size, 1))))
            self.buffers[name] = address, size
            _destroy(self.graphs)
            self.before = None
        return address

    def _dtype(self, name: str) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(self.part.trt.nptype(self.part.engine.get_tensor_dtype(name)))
        return dtype


def _destroy(graphs: dict[Any, Any]) -> None:
    while graphs:
        cuda.cudaGraphExecDestroy(graphs.popitem()[1])


def _free(stream: Any, buffers: dict[str, tuple[int, int]], graphs: dict[Any, Any]) -> None:
    """Free what a lane holds of the GPU. Errors are nobody's any more: the driver may have gone before."""
    cuda.cudaStreamSynchronize(stream)
    _destroy(graphs)
    while buffers:
        cuda.cudaFree(buffers.popitem()[1][0])
    cuda.cudaStreamDestroy(stream)


def open_tensorrt(trt: Any, file: Path) -> Part:
    """Open a plan on the current GPU."""
    return TensorRTPart(trt, file)
