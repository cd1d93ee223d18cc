"""Training's throughput: two processes of one thread beside one process of two threads, and of one.

python benchmarks/processes.py             prints a table
python benchmarks/processes.py --document  writes it into docs/benchmarks.md
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

_WARM, _STEPS, _ROUNDS = 10, 60, 5
# Name, processes, threads of each.
_WAYS = (
    ("one process, one thread", 1, 1),
    ("one process, two threads", 1, 2),
    ("two processes, one thread each", 2, 1),
)


def train(out: str) -> None:
    """Train, and print steps a second between the steps that count; what a process of a measurement does."""
    import numpy as np
    import pandas as pd

    from sssd_registry.config import load_config
    from sssd_registry.training.checkpoint import Progress
    from sssd_registry.training.train import train as run

    at: dict[int, float] = {}

    def report(progress: Progress, _loss: float) -> None:
        at[progress.step] = time.perf_counter()

    times = pd.date_range("2024-01-01", periods=6000, freq="h")
    frame = pd.DataFrame({"time": times, "close": 100 + np.random.default_rng(0).normal(size=6000).cumsum()})
    steps = _WARM + _STEPS
    config = load_config(
        None,
        ["data.horizons=[1, 4, 24]", "model.location_scale=linear", f"training.max_steps={steps + 1}",
         f"training.validate_every={steps + 1}", "training.validation_windows=16", "training.calibrate=false"],
    )  # fmt: skip
    run(frame, config, out, report=report)
    if at:
        print(_STEPS / (at[steps] - at[_WARM]))


def measure(processes: int, threads: int) -> float:
    """Steps a second of one run."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "ACCELERATE_USE_CPU": "1"}
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, *(launcher if processes > 1 else []), __file__, "--out", f"{folder}/model"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure the ways in turn; print or write the table."""
    from documents import BENCHMARKS, fill
    from markdown_table import table

    rates: dict[str, list[float]] = {name: [] for name, *_ in _WAYS}
    for _ in range(_ROUNDS):
        for name, processes, threads in _WAYS:
            rates[name].append(measure(processes, threads))
    base = statistics.median(rates[_WAYS[1][0]])
    rows = [
        [name, f"{statistics.median(found):.1f}", f"{min(found):.1f} to {max(found):.1f}",
         f"{statistics.median(found) / base:.2f}"]
        for name, found in rates.items()
    ]  # fmt: skip
    made = table(["way", "steps a second", "range", "beside one process of two threads"], rows)
    if "--document" in sys.argv:
        fill(BENCHMARKS, {"processes": made})
    print(made)


if __name__ == "__main__":
    if "--out" in sys.argv:
        train(sys.argv[sys.argv.index("--out") + 1])
    else:
        main()
