"""Is training in mixed precision faster? Steps of the demo's model at the reference's sizes, bf16 beside float32."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from conftest import REFERENCE, bars

from sssd_registry.config import load_config
from sssd_registry.training.dataset import training_data
from sssd_registry.training.loop import take_step
from sssd_registry.training.run import start_run

ROUNDS = 5


def test_mixed_precision(benchmark: Any, results: dict[str, Any]) -> None:
    runs = {}
    for precision in ("no", "bf16"):
        config = load_config(REFERENCE, [f"training.mixed_precision={precision}", "training.batch_size=8"])
        runs[precision] = start_run(training_data(bars(4000, "5min"), config.data), config, None)
        take_step(runs[precision])
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            begun = time.perf_counter()
            take_step(run)
            times[name].append(time.perf_counter() - begun)
    ratio = float(np.median([one / other for one, other in zip(times["no"], times["bf16"], strict=True)]))
    results["training, bf16"] = {
        "ratio": round(ratio, 3),
        **{f"{name}, ms": round(1e3 * float(np.median(taken)), 1) for name, taken in times.items()},
    }
    benchmark.pedantic(lambda: take_step(runs["no"]), rounds=1, iterations=1)
