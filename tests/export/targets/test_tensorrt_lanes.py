"""Graphs, memory and streams of TensorRT's lanes, with stand-ins for the GPU: what is recorded, and what is freed."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cuda.bindings", reason="cuda-bindings is not installed")
try:
    from sssd_engine import tensorrt_part
except ImportError as error:  # the bindings look for CUDA's libraries
    pytest.skip(str(error), allow_module_level=True)


class FakeCuda:
    """CUDA's functions, which only write down what was asked of them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.memory: set[int] = set()
        self.graphs: set[int] = set()
        self.streams: set[int] = set()
        self.recording = False
        self.last = 0

    def new(self, kind: set[int]) -> tuple[int, int]:
        self.last += 1
        kind.add(self.last)
        return 0, self.last

    def cudaStreamCreate(self) -> Any:
        return self.new(self.streams)

    def cudaMalloc(self, _size: int) -> Any:
        return self.new(self.memory)

    def cudaStreamBeginCapture(self, *_: Any) -> Any:
        self.recording = True
        return (0,)

    def cudaStreamEndCapture(self, _stream: int) -> Any:
        self.recording = False
        return 0, -1

    def cudaGraphInstantiate(self, *_: Any) -> Any:
        return self.new(self.graphs)

    def cudaGraphLaunch(self, graph: int, _stream: int) -> Any:
        assert graph in self.graphs, "it was destroyed"
        self.said.append("graph")
        return (0,)

    def cudaGraphExecDestroy(self, graph: int) -> Any:
        self.graphs.remove(graph)
        return (0,)

    def cudaFree(self, address: int) -> Any:
        self.memory.remove(address)
        return (0,)

    def cudaStreamDestroy(self, stream: int) -> Any:
        self.streams.remove(stream)
        return (0,)

    def __getattr__(self, name: str) -> Any:
        if name in ("cudaMemcpyAsync", "cudaStreamSynchronize", "cudaGraphDestroy"):
            return lambda *_: (0,)
        raise AttributeError(name)


class FakeContext:
    """A context whose one output is as large as its one input."""

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda, self.shape, self.prepared = cuda, (0,), (0,)

    def set_input_shape(self, _name: str, shape: Any) -> bool:
        self.shape = shape
        return True

    def get_tensor_shape(self, _name: str) -> Any:
        return self.shape

    def set_tensor_address(self, *_: Any) -> None: ...

    def execute_async_v3(self, _stream: int) -> bool:
        if self.cuda.recording:
            assert self.prepared == self.shape, "recorded what TensorRT prepares after a change of shape"
        self.prepared = self.shape
        self.cuda.said.append("recorded" if self.cuda.recording else "plain")
        return True


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    made = FakeCuda()
    monkeypatch.setattr(tensorrt_part, "cuda", made)
    return made


def lane_on(cuda: FakeCuda) -> Any:
    engine = SimpleNamespace(create_execution_context=lambda: FakeContext(cuda), get_tensor_dtype=lambda _: None)
    trt = SimpleNamespace(nptype=lambda _: np.float32, __name__="trt")
    part: Any = SimpleNamespace(engine=engine, inputs=("x",), outputs=("y",), trt=trt)
    return tensorrt_part._Lane(part)


def call(lane: Any, size: int) -> None:
    lane.run({"x": np.zeros((size, 2), dtype=np.float32)})


def test_a_plain_run_comes_before_what_is_recorded(cuda: FakeCuda) -> None:
    lane = lane_on(cuda)
    for size in (4, 4, 4):
        call(lane, size)
    assert cuda.said == ["plain", "recorded", "graph", "graph"]
    cuda.said.clear()
    for size in (2, 4, 2, 2, 4):  # 4 has its graph; 2 was changed to, both times
        call(lane, size)
    assert cuda.said == ["plain", "graph", "plain", "recorded", "graph", "graph"]


def test_graphs_are_few_and_the_oldest_goes(cuda: FakeCuda) -> None:
    lane = lane_on(cuda)
    call(lane, 100)  # memory for all that follow
    for size in range(1, 60):
        for _ in range(3):
            call(lane, size)
        assert len(cuda.graphs) == len(lane.graphs) <= tensorrt_part._MOST_GRAPHS
    cuda.said.clear()
    call(lane, 59)
    assert cuda.said == ["graph"]


def test_new_memory_forgets_graphs_that_know_the_old(cuda: FakeCuda) -> None:
    lane = lane_on(cuda)
    for size in (2, 2, 50, 2, 2):
        call(lane, size)
    assert cuda.said == ["plain", "recorded", "graph", "plain", "plain", "recorded", "graph"]
    assert len(cuda.graphs) == 1
    assert len(cuda.memory) == 2


def test_a_lane_that_ends_frees_all(cuda: FakeCuda) -> None:
    lane = lane_on(cuda)
    for size in (2, 2, 3, 3):
        call(lane, size)
    assert cuda.graphs
    assert cuda.memory
    assert cuda.streams
    del lane
    gc.collect()
    assert not cuda.graphs
    assert not cuda.memory
    assert not cuda.streams
