"""Time of a whole forecast on an NVIDIA GPU: the workloads of test_workloads.py, engines against eager loops.

Both run on the same GPU: windows and noise come from the host and samples go back to it. Engines replay a CUDA graph.

Never run yet by those who wrote it: no GPU was there. It skips without one.
"""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import pytest
import torch
from alternate import one_round, ratio
from baselines import DDIM_50, DDIM_100, EAGER, SOLVER, STEPS, Contenders, eager, eager_loops, in_half
from conftest import Workload, summary
from engines import engine, gpu_kinds, kinds
from test_workloads import ALLOWED, SIZES, Size, forecast, workload_of

from sssd_engine import EngineError
from sssd_engine.nvidia import why_no_gpu
from sssd_registry.errors import SSSDError

# The CPU takes its place where the parcel for GPU machines is rehearsed (benchmarks/gpu/).
DEVICE = os.environ.get("SSSD_GPU_STAND_IN", "cuda")
WHY_NOT = why_no_gpu() if DEVICE == "cuda" else ""
# The project's: engine over eager DDIM-50 on the same GPU. It joins the gates of a run once it was met.
GOAL = 10.0
HALF = "DDIM-50, diffusers, eager, fp16"


@pytest.mark.gpu
@pytest.mark.skipif(bool(WHY_NOT), reason=f"needs a GPU: {WHY_NOT}")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_whole_forecast_on_a_gpu(benchmark: Any, size: Size, results: dict[str, Any]) -> None:
    workload = workload_of(size)
    contenders = eager_loops(workload, DEVICE)
    expected = contenders[EAGER]().numpy()
    head = copy.deepcopy(workload.network.head).to(DEVICE)
    contenders[HALF] = eager(workload, "ddim", 50, in_half(head, DEVICE), DEVICE)
    baselines = list(contenders)
    engines, left_out = engines_on_a_gpu(workload, expected)
    contenders |= engines
    assert engines, f"no engine runs on this GPU: {left_out}"
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(
        lambda: rounds.append(one_round(contenders, size.repeats)), rounds=size.rounds, iterations=1, warmup_rounds=0
    )
    best = min(engines, key=lambda label: np.median([taken[label] for taken in rounds]))
    table = summary(benchmark, rounds, best)
    results[f"GPU, workload {size.name}"] = {
        "title": size.title,
        "device": torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE,
        "best": best,
        "rows": table,
        "windows per second": round(1e3 * size.windows / table[best]["ms"], 1),
        "goal": GOAL,
        "reached": {slow: round(ratio(rounds, slow, best), 1) for slow in (DDIM_100, DDIM_50, HALF)},
        "left out": left_out,
    }
    slower = [name for name in baselines if table[name]["ratio"] < 1]
    assert not slower, f"{', '.join(slower)} beat the best engine, {best}"


def engines_on_a_gpu(workload: Workload, expected: Any) -> tuple[Contenders, dict[str, str]]:
    """Engines that forecast what the eager loop does, ready to run, and why each of the others is left out."""
    made: Contenders = {}
    left_out: dict[str, str] = {}
    for kind in gpu_kinds() if DEVICE == "cuda" else kinds():
        try:
            run = forecast(engine(workload, SOLVER, STEPS, kind), workload)
            samples = [run() for _ in range(3)][-1]  # by itself, while a CUDA graph is recorded, and by that graph
        except (ImportError, SSSDError, EngineError) as error:  # not installed, or not for this GPU
            left_out[kind.label] = str(error).splitlines()[0]
            continue
        error = np.abs(samples - expected).max() / expected.std(axis=1).min()
        assert error < ALLOWED[kind.precision], f"{kind.label} is off by {error:.1e}"
        made[kind.label] = run
    return made, left_out
