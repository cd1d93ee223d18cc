"""Speed of training in mixed precision: one optimiser step at the reference sizes, bf16 beside float32.

On the GPU where there is one, else on the CPU, whose bfloat16 is fast or slow by what instructions it has.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from alternate import medians, one_round, ratio, spread
from conftest import REFERENCE, bars

from sssd_registry.config import load_config
from sssd_registry.model.batches import training_data
from sssd_registry.training.state import Run, start_run
from sssd_registry.training.train import take_step


def started(precision: str) -> Run:
    # accelerate has one precision for a process; a model that was prepared keeps the one it was prepared with.
    AcceleratorState._reset_state(reset_partial_state=True)
    config = load_config(REFERENCE, [f"training.mixed_precision={precision}", "training.batch_size=16"])
    return start_run(training_data(bars(6000, "5min"), config.data), config, None)


@pytest.mark.filterwarnings("ignore")
def test_mixed_precision(benchmark: Any, results: dict[str, Any]) -> None:
    runs = {"float32": started("no"), "bf16": started("bf16")}
    contenders = {name: lambda run=run: take_step(run) for name, run in runs.items()}
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders, 2)), rounds=7, iterations=1, warmup_rounds=0)
    device = runs["bf16"].accelerator.device.type
    results["mixed precision"] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads",
        "ms": {name: round(taken, 1) for name, taken in medians(rounds).items()},
        "faster": round(ratio(rounds, "float32", "bf16"), 2),
        "by round": spread(rounds, "float32", "bf16"),
    }
    losses = [take_step(run) for run in runs.values()]
    assert abs(losses[0] / losses[1] - 1) < 0.1, f"bf16's loss is {losses[1]:.4f}, float32's {losses[0]:.4f}"
    assert device == "cpu" or results["mixed precision"]["faster"] >= 1, "mixed precision is slower than none"
