"""Examples of serving with what others wrote: KServe and Ray Serve, where they are installed."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnxruntime", reason="the export extra is not installed")
from sssd_engine import load_engine

EXAMPLES = Path(__file__).parents[1] / "examples"
ENGINE = Path(__file__).parent / "golden" / "engine"
kserve = pytest.mark.skipif(importlib.util.find_spec("kserve") is None, reason="kserve is not installed")
ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray[serve] is not installed")


def ask(address: str, body: object = None) -> tuple[int, Any]:
    """Status and answer; a body is posted."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def serving(example: str, *arguments: str, health: str, port: int) -> Iterator[str]:
    """The address of a server that answers at ``health``."""
    process = subprocess.Popen([sys.executable, EXAMPLES / example, ENGINE, *arguments], stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address + health, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, process.stderr and process.stderr.read()[-3000:]
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture
def port() -> int:
    """A free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@kserve
def test_kserve_asks_an_engine(tiny_frame: pd.DataFrame, port: int) -> None:
    options = ("--http_port", str(port), "--enable_grpc", "false")
    columns = ["open", "high", "low", "close", "volume"]
    frame = tiny_frame.iloc[-120:].reset_index(drop=True)
    frame["time"] = pd.date_range("2024-03-04", periods=120, freq="h")
    series = {
        "type": "multivariate_time_series", "name": "it", "frequency": "H", "start_timestamp": "2024-03-04T00:00:00",
        "series": frame[columns].to_numpy().tolist(),
    }  # fmt: skip
    body = {"model": "engine", "inputs": [series], "options": {"horizon": 1, "quantiles": [0.1, 0.9], "seed": 3}}
    with serving("serve_kserve.py", *options, health="/v2/health/ready", port=port) as address:
        status, answer = ask(f"{address}/v1/timeseries/forecast", body)
        assert status == 200, answer
        (made,) = answer["outputs"][0]["content"]
        samples = load_engine(ENGINE)(frame, seed=3).samples[0, :, :1]  # (S, 1, 1)
        np.testing.assert_allclose(made["mean_forecast"], samples.mean(axis=0), rtol=1e-6)
        for level in (0.1, 0.9):
            expected = np.quantile(samples, level, axis=0, method="weibull")
            np.testing.assert_allclose(made["quantiles"][f"{level:g}"], expected, rtol=1e-6)
        assert made["start_timestamp"] == "2024-03-09T00:00:00"
        for wrong in ({"options": {"horizon": 4}}, {"inputs": [series | {"series": [[1.0] * 4] * 120}]}):
            status, answer = ask(f"{address}/v1/timeseries/forecast", body | wrong)
            assert status == 400, answer
            assert answer["error"]["message"]


@ray
@pytest.mark.long
def test_ray_serves_an_engine(port: int) -> None:
    from sssd_export.inspection import plain_windows

    engine = load_engine(ENGINE)
    windows = plain_windows(engine, 2)
    body = {name: array.tolist() for name, array in windows.items()}
    with serving("serve_ray.py", str(port), health="/-/healthz", port=port) as address:
        status, answer = ask(f"{address}/", body | {"num_samples": 20, "seed": 3})
        assert status == 200, answer
        np.testing.assert_allclose(answer["quantiles"], engine(windows, num_samples=20, seed=3).quantiles, rtol=1e-6)
        for wrong in ([], {}, body | {"seed": "x"}):
            status, answer = ask(f"{address}/", wrong)
            assert status == 400, answer
