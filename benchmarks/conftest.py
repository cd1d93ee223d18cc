"""Workloads of the speed benchmarks: networks of given sizes with random weights. Speed does not depend on them."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pandas as pd
import pytest
import torch
from alternate import medians, spread

from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph, build_loop
from sssd_export.graph.trace import TracedHead, TracedParts, trace
from sssd_registry.config import Config, load_config
from sssd_registry.data.windows import Windows, windows_at
from sssd_registry.model.batches import training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.noise import PathNoise, path_noise
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.testing.parameters import fill_zeros

RESULTS = Path("runs/bench.json")
SAMPLES = 100

# The forecaster this project replaces: timeframes 5m/15m/1h/4h.
REFERENCE = Path(__file__).with_name("reference.toml")
DEMO = Path(__file__).parents[1] / "demo" / "eurusd.toml"


@dataclass(frozen=True)
class Workload:
    """One window, 3 horizons, 100 samples.

    Attributes:
        noise: what 100 paths of each window begin with.
        condition: float32 ``(1, K, C)``.
    """

    name: str
    network: SSSDNetwork
    pieces: TracedParts
    windows: Windows
    horizons: tuple[int, ...]
    noise: PathNoise
    condition: torch.Tensor

    @property
    def samples(self) -> int:
        """S."""
        return self.noise.paths.shape[1]

    @property
    def first(self) -> torch.Tensor:
        """Latents that sampling begins with, ``(1, B, S, K, D)``."""
        return self.network.first_latents(self.noise.paths).unsqueeze(0)

    def tableau(self, scheduler: str, steps: int) -> SolverTableau:
        return read_tableau(make_scheduler(scheduler, self.network.schedule), steps)

    def loop_session(self, scheduler: str, steps: int) -> onnxruntime.InferenceSession:
        """The compiled loop alone."""
        return session(build_loop(self.head.model, self.head.broadcast_time, self.tableau(scheduler, steps)))

    def engine_session(self, scheduler: str, steps: int) -> onnxruntime.InferenceSession:
        """The whole engine: raw windows to samples and quantiles."""
        return session(build_graph(self.pieces, self.tableau(scheduler, steps)))

    @property
    def head(self) -> TracedHead:
        assert self.pieces.head is not None
        return self.pieces.head

    @property
    def feed(self) -> dict[str, Any]:
        """Return the inputs of the engine."""
        return {**engine_inputs(self.windows), "noise": self.noise.paths.numpy()}


def session(model: ir.Model, threads: int | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    proto = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(proto, sess_options=options, providers=["CPUExecutionProvider"])


def make_workload(name: str, frame: pd.DataFrame, config: Path | Config, *, in_use: bool = True) -> Workload:
    """A network of that configuration, whose head and encoder are in use or left out."""
    chosen = config if isinstance(config, Config) else load_config(config)
    data = training_data(frame, chosen.data)
    torch.manual_seed(0)
    network = make_network(data.spec, chosen.model).eval().requires_grad_(False)
    fill_zeros(network, std=0.02)  # a head that starts at zero would multiply by zeros
    network.in_use = in_use
    windows = windows_at(data.source, data.split.validation.take(slice(0, 2)))
    horizons = data.spec.horizons
    one = windows.part(0, 1)
    values = {key: torch.from_numpy(array) for key, array in one.values.items()}
    times = {key: torch.from_numpy(array) for key, array in one.times.items()}
    condition = network.condition(network.encode(values, times))
    noise = path_noise(0, 0, 1, SAMPLES, network.noise_shape(None))
    pieces = trace(network, horizons, (0.05, 0.5, 0.95), windows)
    return Workload(name, network, pieces, one, horizons, noise, condition)


def summary(benchmark: Any, rounds: list[dict[str, float]], fast: str) -> dict[str, Any]:
    """Median milliseconds and the ratio to ``fast``, into the benchmark's record and for the table."""
    table = {name: {"ms": round(ms, 2), **spread(rounds, name, fast)} for name, ms in medians(rounds).items()}
    benchmark.extra_info.update(table)
    return table


def repeated(workload: Workload, windows: int) -> Workload:
    """The same for many windows, which are all alike, with noise of their own."""
    one = workload.windows
    many = replace(
        one,
        values={name: array.repeat(windows, axis=0) for name, array in one.values.items()},
        times={name: array.repeat(windows, axis=0) for name, array in one.times.items()},
        series=one.series.repeat(windows),
    )
    noise = path_noise(0, 0, windows, SAMPLES, workload.network.noise_shape(None))
    return replace(workload, windows=many, noise=noise, condition=workload.condition.repeat(windows, 1, 1))


def bars(rows: int, freq: str) -> pd.DataFrame:
    """OHLCV bars of a random walk."""
    random = np.random.default_rng(0)
    close = 1.1 + np.cumsum(random.normal(scale=1e-4, size=rows))
    spread = np.abs(random.normal(scale=1e-4, size=rows))
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=rows, freq=freq)})
    return frame.assign(
        open=close, high=close + spread, low=close - spread, close=close, volume=random.integers(1, 99, rows)
    )


@pytest.fixture(scope="session", params=["reference", "demo"])
def workload(request: pytest.FixtureRequest) -> Workload:
    if request.param == "reference":
        return make_workload("reference", bars(6000, "5min"), REFERENCE)
    return make_workload("demo", bars(3000, "h"), DEMO)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.fixture(scope="session")
def results() -> Iterator[dict[str, Any]]:
    """Collect the measurements; at the run's end they go into runs/bench.json, beside those not measured again."""
    measured: dict[str, Any] = {
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "openvino": _version("openvino"),
        "processor": platform.processor() or platform.machine(),
        "dtype": "float32",
    }
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    yield measured
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(before | measured, indent=1))


@pytest.fixture(autouse=True)
def _warnings_of_the_compiler_are_not_ours() -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
