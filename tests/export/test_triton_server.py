"""A real Triton server with an engine that makes its own noise: 200 requests at once, batched, right, and stopped.

The server is the one that the wheel nvidia-pytriton carries: ``pip install --no-deps nvidia-pytriton``.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import sssd_export
from compiled import Compiled
from google.protobuf import text_format
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from sssd_engine import EngineError, load_engine
from sssd_engine.triton_model import forecast_together
from sssd_export.forecaster import engine_inputs

REQUESTS = 200
# All that the server's Python needs: no torch is among it, nor anything else of ours.
PACKAGES = ("sssd_engine", "numpy", "onnxruntime", "packaging", "flatbuffers")
_TYPES = {"float64": "FP64", "int64": "INT64"}


def test_requests_are_forecast_together_as_by_themselves(tiny_engine: Path, tiny: Compiled) -> None:
    engine = load_engine(tiny_engine, threads=1)
    requests, expected = [], []
    for at, windows, seed in ((0, 2, 7), (3, 1, 7), (4, 3, 2**40)):
        inputs = engine_inputs(tiny.windows.part(at, at + windows))
        requests.append({**inputs, "seed": np.full((windows, 1), seed)})
        expected.append(engine(inputs, 5, seed))
    for seen, one in zip(forecast_together(engine, requests, 5), expected, strict=True):
        np.testing.assert_allclose(seen.samples, one.samples, rtol=1e-6)
        np.testing.assert_allclose(seen.quantiles, one.quantiles, rtol=1e-6)
    with pytest.raises(EngineError, match="seed has to be a whole number, 0 or more, got"):
        forecast_together(engine, [{**requests[0], "seed": np.array([[1], [-1]])}], 5)


def test_the_repository_of_an_engine_with_seeds(tiny_engine: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    for version in (1, 2):
        done = sssd_export("triton", tiny_engine, repository, "--seeds")
        assert (done.code, done.err) == (0, "")
        assert f"version {version} of {tiny_engine.name}" in done.out
    folder = repository / tiny_engine.name
    config = text_format.Parse((folder / "config.pbtxt").read_text(), grpc.model_config_pb2.ModelConfig())
    assert (config.backend, config.max_batch_size) == ("python", 64)
    names = {port.name: list(port.dims) for port in config.input}
    assert names == {"values_1h": [24, 5], "values_4h": [6, 5], "times_1h": [24], "times_4h": [6], "seed": [1]}
    assert config.parameters["num_samples"].string_value == "16"
    assert load_engine(folder / "2" / "engine").manifest == load_engine(tiny_engine).manifest


@pytest.fixture(scope="module")
def server(tiny_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Any]]:
    """Address and model of a running server, and its process."""
    found = importlib.util.find_spec("pytriton")
    if found is None or found.origin is None:
        pytest.skip("no tritonserver here: pip install --no-deps nvidia-pytriton")
    if sys.platform != "linux":
        pytest.skip("nvidia-pytriton's server is for Linux")
    package = Path(found.origin).parent
    place = tmp_path_factory.mktemp("triton")
    stub = package / f"tritonserver/python_backend_stubs/{sys.version_info.major}.{sys.version_info.minor}"
    if not stub.is_dir():
        pytest.skip(f"nvidia-pytriton has no Python backend for {stub.name}")
    shutil.copytree(package / "tritonserver/backends/python", place / "backends/python")
    shutil.copy(stub / "triton_python_backend_stub", place / "backends/python")
    for needed in PACKAGES:
        link_package(needed, place / "backends/python")
    assert sssd_export("triton", tiny_engine, place / "models", "--seeds").code == 0
    port = free_port()
    libraries = package.parent / "nvidia_pytriton.libs"
    log = (place / "log").open("w+")
    process = subprocess.Popen(
        [package / "tritonserver/bin/tritonserver", f"--model-repository={place / 'models'}",
         f"--backend-directory={place / 'backends'}", "--allow-http=false", "--allow-metrics=false",
         "--grpc-address=127.0.0.1", f"--grpc-port={port}", "--exit-timeout-secs=5"],
        env={**os.environ, "LD_LIBRARY_PATH": os.pathsep.join([str(libraries), sysconfig.get_config_var("LIBDIR")])},
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        address = f"127.0.0.1:{port}"
        until_ready(address, tiny_engine.name, process, place / "log")
        yield address, tiny_engine.name, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()


def link_package(name: str, folder: Path) -> None:
    """Put a package into a folder of which the server's Python imports: it looks at no PYTHONPATH."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.submodule_search_locations
    for place in map(Path, found.submodule_search_locations):
        for each in (place, place.with_name(f"{place.name}.libs")):
            if each.exists():
                (folder / each.name).symlink_to(each)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until_ready(address: str, model: str, process: Any, log: Path) -> None:
    client = grpc.InferenceServerClient(address)
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.is_model_ready(model):
                return
        except InferenceServerException:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


def ask(client: Any, model: str, feed: dict[str, np.ndarray]) -> np.ndarray:
    inputs = []
    for name, array in feed.items():
        inputs.append(grpc.InferInput(name, array.shape, _TYPES[str(array.dtype)]))
        inputs[-1].set_data_from_numpy(array)
    made: np.ndarray = client.infer(model, inputs).as_numpy("samples")
    return made


@pytest.mark.slow
def test_two_hundred_requests_at_once(server: tuple[str, str, Any], tiny_engine: Path, tiny: Compiled) -> None:
    address, model, _ = server
    engine = load_engine(tiny_engine, threads=1)
    client = grpc.InferenceServerClient(address)
    feeds = []
    for number in range(REQUESTS):
        at, windows = number % 5, 1 + number % 3
        inputs = engine_inputs(tiny.windows.part(at, at + windows))
        feeds.append({**inputs, "seed": np.full((windows, 1), number)})
    with ThreadPoolExecutor(32) as pool:
        made = list(pool.map(lambda feed: ask(client, model, feed), feeds))
    for number, (feed, samples) in enumerate(zip(feeds, made, strict=True)):
        inputs = {name: array for name, array in feed.items() if name != "seed"}
        np.testing.assert_allclose(samples, engine(inputs, seed=number).samples, rtol=1e-6)
    (told,) = client.get_inference_statistics(model).model_stats
    assert told.inference_count == sum(len(feed["seed"]) for feed in feeds)
    assert told.execution_count < 0.8 * REQUESTS, "none were batched"
    assert told.inference_stats.fail.count == 0


@pytest.mark.slow
def test_one_wrong_request_is_told_so_and_no_other(server: tuple[str, str, Any], tiny: Compiled) -> None:
    address, model, process = server
    client = grpc.InferenceServerClient(address)
    right = {**engine_inputs(tiny.windows.part(0, 1)), "seed": np.zeros((1, 1), dtype=np.int64)}
    wrong = {**right, "values_1h": right["values_1h"] * np.nan}

    def answer(feed: dict[str, np.ndarray]) -> str:
        try:
            return str(ask(client, model, feed).shape)
        except InferenceServerException as error:
            return str(error)

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(answer, [right, wrong] * 20))
    assert set(seen[::2]) == {"(1, 16, 2, 1)"}
    assert all("values_1h[0, 0, 0] (open) is nan, and has to be a finite number" in each for each in seen[1::2])
    assert process.poll() is None
