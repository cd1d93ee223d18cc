"""Time of an export: 20 steps beside one, of the MLP and of a U-Net. The head is traced once for either.

The whole of `sssd-export`: tracing, composing, and the comparison with the live scheduler's loop. The models' networks
work: of one that is left out there would be nothing to trace but location, scale and noise.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alternate import medians, one_round, ratio

from sssd_registry.testing.tiny_model import train_tiny_model

# The project's goal for 20 steps over one. Its other, a U-Net's export in a minute, is no ratio: docs/benchmarks.md
# reports it.
MOST = 1.5
# Its goal for the processor's time of a first build, imports and all; processors differ.
CPU_SECONDS = 12.0
MODELS = {"MLP": "eurusd-bars", "U-Net": "eurusd-unet"}


@pytest.mark.parametrize("head", MODELS)
def test_export_time(benchmark: Any, results: dict[str, Any], tmp_path: Path, head: str) -> None:
    pytest.importorskip("backtesting", reason="the demo extra, with the demo's data, is not installed")
    from sssd_export.request import export_model

    root = Path(__file__).parents[1]
    subprocess.run(["make", f"runs/{MODELS[head]}"], check=True, cwd=root)

    def export(steps: int) -> None:
        model, out = root / "runs" / MODELS[head], tmp_path / f"{steps}"
        made = export_model(model, out, "onnx", scheduler="dpmsolver++", steps=steps)
        assert made["network_in_use"]

    contenders = {f"{steps} steps": lambda steps=steps: export(steps) for steps in (1, 20)}
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders, 1)), rounds=2, iterations=1, warmup_rounds=0)
    seconds = medians(rounds)["20 steps"] / 1e3
    over_one = ratio(rounds, "20 steps", "1 steps")
    results[f"export, {head}"] = {"seconds": round(seconds, 1), "20 steps over one": round(over_one, 2)}
    assert over_one <= 1.1 * MOST, f"20 steps take {over_one:.2f}× as long as one"


def test_cpu_of_a_first_build(benchmark: Any, results: dict[str, Any], tmp_path: Path) -> None:
    """`sssd-export build` of the tests' small model, from the shell to the shell, with nothing in the cache."""
    train_tiny_model(tmp_path / "model")
    program = "from sssd_export.cli import main; main()"

    def build() -> float:
        before = os.times()
        words = ["build", tmp_path / "model", "--out", tmp_path / "engine"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SSSD_CACHE": str(tmp_path / "cache")}
        subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, env=environment)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    taken: list[float] = []
    benchmark.pedantic(lambda: taken.append(build()), rounds=2, iterations=1, warmup_rounds=0)
    results["first build, small model"] = {"cpu seconds": round(min(taken), 1), "goal": CPU_SECONDS}
    assert min(taken) < 2 * CPU_SECONDS, f"a first build of a small model takes {min(taken):.1f} s of CPU"
