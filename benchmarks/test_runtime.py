"""Cost of running an engine before it forecasts: import and peak memory of a process that has only the runtime.

The engine is of the model that `make compare` trains, whose network works: of the demo's, which is left out, there
would be little to load. Memory is a size, and asserted; time is reported beside its goal.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

if not Path("/proc/self/status").exists():
    pytest.skip("peak memory is read from /proc, which Linux has", allow_module_level=True)
pytest.importorskip("backtesting", reason="the demo extra, with the demo's data, is not installed")

# Goals of the project.
IMPORT_SECONDS, MEGABYTES = 0.5, 200
ROUNDS = 5

_PROGRAM = """
import json, sys, time
begun = time.perf_counter()
from sssd_engine import load_engine
imported = time.perf_counter() - begun
import numpy as np
feed, random = {}, np.random.default_rng(0)
with load_engine(sys.argv[1]) as engine:
    for entry in engine.manifest["inputs"]:
        shape = [size if isinstance(size, int) else 1 for size in entry["shape"]]  # one window
        if entry["name"].startswith("values"):
            feed[entry["name"]] = 1 + 1e-4 * random.normal(size=shape).cumsum(axis=1)
        elif entry["name"].startswith("times"):
            feed[entry["name"]] = 3600 * np.arange(shape[1])[None]
    engine(feed, 100, 0)
# Not getrusage: its maximum begins with what the process that started this one had.
status = dict(line.split(":") for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) / 1024
modules = sorted({"torch", "diffusers", "sssd_registry", "pandas"} & set(sys.modules))
print(json.dumps({"import": imported, "megabytes": peak, "modules": modules}))
"""


def test_import_and_peak_memory(benchmark: Any, results: dict[str, Any], tmp_path: Path) -> None:
    root, engine = Path(__file__).parents[1], tmp_path / "engine"
    subprocess.run(["make", "runs/eurusd-bars"], check=True, cwd=root)
    program = Path(sys.executable).with_name("sssd-export")
    subprocess.run([program, "build", root / "runs/eurusd-bars", "--steps", "20", "--out", engine], check=True)
    assert json.loads((engine / "manifest.json").read_text())["network_in_use"], "there would be little to run"

    def run() -> dict[str, Any]:
        done = subprocess.run([sys.executable, "-c", _PROGRAM, engine], check=True, capture_output=True, text=True)
        made: dict[str, Any] = json.loads(done.stdout)
        return made

    taken = [run() for _ in range(ROUNDS)]
    benchmark.pedantic(run, rounds=1, iterations=1)
    results["runtime"] = {
        "import seconds": round(median(one["import"] for one in taken), 3),
        "import goal": IMPORT_SECONDS,
        "peak megabytes": round(max(one["megabytes"] for one in taken)),
    }
    assert not taken[0]["modules"], f"running an engine imports {', '.join(taken[0]['modules'])}"
    assert results["runtime"]["peak megabytes"] < MEGABYTES
