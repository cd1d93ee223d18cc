"""Every example runs as it stands, and those that need little of ours need no more."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PLAIN = EXAMPLES / "plain_onnxruntime.py"
TESTED = {"forecast_csv.py", "my_scheduler.py", "plain_onnxruntime.py", "serve_http.py", "serve_kserve.py",
          "serve_ray.py", "windows_of_a_csv.py"}  # fmt: skip


def run(example: str, *arguments: object) -> tuple[str, set[str]]:
    """Run an example: what it prints, and the packages that it imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", EXAMPLES / example, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return done.stdout, imported


def test_no_example_is_left_out() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == TESTED


def test_onnxruntime_alone_gives_the_engines_quantiles(tiny_engine: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from sssd_engine import load_engine
    from sssd_export.inspection import plain_windows

    engine = load_engine(tiny_engine)
    windows = plain_windows(engine, 3)
    np.savez(tmp_path / "windows.npz", **windows)
    printed, imported = run("plain_onnxruntime.py", tiny_engine, tmp_path / "windows.npz", 7)
    assert "onnxruntime" in imported
    assert not {"torch", "sssd_engine", "sssd_export", "sssd_registry", "pandas"} & imported
    table = pd.read_csv(StringIO(printed))
    shape = (engine.manifest["num_samples"], *engine.noise_shape.paths)
    noise = [np.random.default_rng([7, window]).standard_normal(shape, dtype=np.float32) for window in range(3)]
    expected = engine(windows, noise=np.stack(noise)).quantiles  # (B, Q, K, C)
    seen = table.filter(like="q").to_numpy().reshape(3, 2, 1, -1)
    np.testing.assert_allclose(np.moveaxis(seen, -1, 1), expected, rtol=1e-7)
    assert len(PLAIN.read_text().splitlines()) <= 60


def test_the_windows_of_a_csv_are_what_the_engine_forecasts_it_from(
    tiny_engine: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    from sssd_engine import load_engine

    printed, imported = run("windows_of_a_csv.py", tiny_engine, tiny_csv, tmp_path / "windows.npz")
    assert "torch" not in imported
    with np.load(tmp_path / "windows.npz") as arrays:
        windows = dict(arrays)
    assert all(name in printed for name in windows)
    engine = load_engine(tiny_engine)
    np.testing.assert_array_equal(engine(windows, seed=1).samples, engine(tiny_csv, seed=1).samples)
    table = pd.read_csv(StringIO(run("plain_onnxruntime.py", tiny_engine, tmp_path / "windows.npz")[0]))
    last = pd.read_csv(tiny_csv)["close"].iloc[-1]
    assert (table["q0.05"] < table["q0.95"]).all()
    assert np.abs(table["q0.5"] - last).max() < 0.05


def test_a_csv_becomes_a_forecast(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    """From a model that is there; training, which it calls where none is, has tests of its own."""
    from sssd_registry import SSSDPipeline

    run("forecast_csv.py", tiny_csv, tiny_model, tmp_path / "forecast.csv")
    seen = pd.read_csv(tmp_path / "forecast.csv")
    expected = SSSDPipeline.from_pretrained(tiny_model)(str(tiny_csv), num_samples=100, generator=0)
    np.testing.assert_allclose(seen["mean"], expected.mean[0, :, 0])
    assert len((EXAMPLES / "forecast_csv.py").read_text().splitlines()) <= 15


@pytest.fixture
def server(tiny_engine: Path) -> Iterator[str]:
    """The address of a server of the tiny engine."""
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "serve_http.py", tiny_engine, "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait()
    process.stdout.close()


def post(address: str, body: object) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(address, json.dumps(body).encode(), timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_an_engine_is_served_over_http(tiny_engine: Path, server: str) -> None:
    from sssd_engine import load_engine
    from sssd_export.inspection import plain_windows

    engine = load_engine(tiny_engine)
    windows = plain_windows(engine, 2)
    body = {name: array.tolist() for name, array in windows.items()}
    status, answer = post(server, body | {"num_samples": 20, "seed": 3})
    assert status == 200, answer
    np.testing.assert_allclose(answer["quantiles"], engine(windows, num_samples=20, seed=3).quantiles, rtol=1e-6)
    assert answer["horizons"] == list(engine.horizons)
    for wrong in ([], {}, body | {"num_samples": 0}, body | {"more": 1}, body | {"seed": "x"}):
        status, answer = post(server, wrong)
        assert status == 400, answer
        assert answer["error"]


def test_the_scheduler_passes_its_conformance_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a plugin that is found by its entry point, with and without its option."""
    from sssd_registry.plugin_api.discovery import GROUP
    from sssd_registry.plugin_api.registry import load_registry
    from sssd_registry.testing import SchedulerConformance
    from sssd_registry.testing import schedulers as suite_module

    monkeypatch.syspath_prepend(str(EXAMPLES))
    made = load_registry([importlib.metadata.EntryPoint("my-scheduler", "my_scheduler", GROUP)])
    assert [(entry.name, entry.status) for entry in made.entries] == [("my-scheduler", "ok")]
    for module in (suite_module, sys.modules["sssd_registry.plugin_api.make_scheduler"]):
        monkeypatch.setattr(module, "registry", lambda: made)
    for options in ({}, {"power": 2.0}):
        suite = type("Suite", (SchedulerConformance,), {"name": "my-scheduler", "options": options})()
        for check in [check for check in dir(suite) if check.startswith("test_")]:
            if check != "test_order_of_convergence" or not options:  # declared for the defaults
                getattr(suite, check)()
