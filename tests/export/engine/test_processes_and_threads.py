"""An engine in other processes and in many threads: pickled, forked, hammered; and threads that sleep when idle."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from compiled import Compiled

from sssd_engine import EngineError, load_engine
from sssd_engine.engine import Engine
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_export.forecaster import engine_inputs

FORECASTS = int(os.environ.get("SSSD_STRESS_FORECASTS", "300"))


def in_a_fork(call: Callable[[], Any]) -> Any:
    """What ``call`` returns, or the error that it raises, in a forked process; it has half a minute."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                made = call()
            except EngineError as error:
                made = error
            os.write(writer, pickle.dumps(made))
        finally:
            os._exit(0)
    os.close(writer)
    end = time.monotonic() + 30
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.01)
    with os.fdopen(reader, "rb") as answer:
        return pickle.loads(answer.read())  # our own child's


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_has_an_engine_of_one_thread(tiny_engine: Path, tiny: Compiled) -> None:
    """As gunicorn's workers have what was loaded before they were made."""
    inputs = engine_inputs(tiny.windows)
    with load_engine(tiny_engine, threads=1) as engine:
        expected = engine(inputs, 500).samples
        np.testing.assert_array_equal(in_a_fork(lambda: engine(inputs, 500).samples), expected)
        np.testing.assert_array_equal(engine(inputs, 500).samples, expected)


def test_such_a_fork_ends(tiny_engine: Path) -> None:
    """By the end of Python, as a worker does: ONNX Runtime with threads would wait for them there."""
    code = (
        "import os, sys\n"
        "from sssd_engine import load_engine\n"
        "from sssd_export.inspection import plain_windows\n"
        "engine = load_engine(sys.argv[1], threads=1)\n"
        "windows = plain_windows(engine, 8)\n"
        "engine(windows, 500)\n"
        "if child := os.fork():\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "engine(windows, 500)\n"
        "sys.exit(7)\n"
    )
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, tiny_engine], env=paths, timeout=60, check=False)
    assert done.returncode == 7


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_that_cannot_have_it_says_so(tiny_engine: Path, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    several, one = (load_engine(tiny_engine, threads=threads) for threads in (2, 1))
    other = Engine({**one.manifest, "parts": [{"runtime": "openvino"}]}, one.parts, one.origin)
    for engine in (several, other):
        error = in_a_fork(lambda engine=engine: engine(inputs, 3).samples)
        assert isinstance(error, EngineError)
        assert "was loaded before a fork, which its runtime's threads do not follow: load it in each" in str(error)


def test_a_pickled_engine_is_the_engine(tiny_engine: Path, tiny: Compiled, tmp_path: Path, monkeypatch: Any) -> None:
    folder = Path(shutil.copytree(tiny_engine, tmp_path / "engine"))
    inputs = engine_inputs(tiny.windows.part(0, 2))
    monkeypatch.chdir(tmp_path)
    engine = load_engine("engine", threads=1)
    stored = pickle.dumps(engine)
    assert len(stored) < 1_000, "the folder's name, and not its weights"
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(stored)(inputs, 5).samples, engine(inputs, 5).samples)
    write_manifest(folder, {**read_manifest(folder), "num_samples": 17})
    with pytest.raises(EngineError, match="has another engine than when it was loaded"):
        pickle.loads(stored)
    with pytest.raises(EngineError, match="of no folder, and so cannot be pickled"):
        pickle.dumps(tiny.engine("ddim", 2))


def test_threads_sleep_between_calls(tiny_engine: Path, tiny: Compiled) -> None:
    """Paced calls on two threads cost what they cost on one, however many threads wait; spinning, five times that."""
    inputs = engine_inputs(tiny.windows.part(0, 1))
    taken = {}
    for threads in (1, 2):
        with load_engine(tiny_engine, threads=threads) as engine:
            engine(inputs, 100)
            started = time.process_time()
            for _ in range(25):
                engine(inputs, 100)
                time.sleep(0.01)
            taken[threads] = time.process_time() - started
    assert taken[2] < 3 * taken[1] + 0.05, taken


def test_many_forecasts_at_once_are_those_one_by_one(tiny_engine: Path, tiny: Compiled, tmp_path: Path) -> None:
    """Two engines, eight threads, other windows and samples every time; memory does not grow.

    ``SSSD_STRESS_FORECASTS=20000`` makes it a campaign.
    """
    engines = [load_engine(tiny_engine, threads=threads) for threads in (1, 2)]
    random = np.random.default_rng(0)
    kinds = [(at, at + many, samples, seed) for at, many, samples, seed in random.integers(1, [4, 5, 120, 9], (40, 4))]

    def forecast(job: int) -> bytes:
        start, stop, samples, seed = kinds[job % len(kinds)]
        made = engines[job % 2](engine_inputs(tiny.windows.part(start, stop)), samples, seed)
        return made.samples.tobytes() + made.quantiles.tobytes()

    expected = [forecast(job) for job in range(2 * len(kinds))]
    before = 0
    with ThreadPoolExecutor(8) as pool:
        for first in range(0, FORECASTS, 100):
            jobs = range(first, min(first + 100, FORECASTS))
            for job, made in zip(jobs, pool.map(forecast, jobs), strict=True):
                assert made == expected[job % len(expected)], f"forecast {job} is another than by itself"
            memory = psutil.Process().memory_info().rss
            before = before or memory  # after the first hundred, when every thread has what it keeps
    assert memory < 1.1 * before + (32 << 20), (before, memory)
    assert sys.getrefcount(expected) < 10
