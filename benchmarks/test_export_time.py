"""Time of an export: 20 steps beside one, of the MLP and of a U-Net. The head is traced once for either.

The whole of `sssd-export`: tracing, composing, and the comparison with the live scheduler's loop.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from alternate import medians, one_round, ratio

pytest.importorskip("backtesting", reason="the demo extra, with the demo's data, is not installed")

# The project's goal for 20 steps over one. Its other, a U-Net's export in a minute, is no ratio: docs/benchmarks.md
# reports it.
MOST = 1.5
MODELS = {"MLP": "eurusd-bars", "U-Net": "eurusd-unet"}


@pytest.mark.parametrize("head", MODELS)
def test_export_time(benchmark: Any, results: dict[str, Any], tmp_path: Path, head: str) -> None:
    from sssd_export.request import export_model

    root = Path(__file__).parents[1]
    subprocess.run(["make", f"runs/{MODELS[head]}"], check=True, cwd=root)

    def export(steps: int) -> None:
        export_model(root / "runs" / MODELS[head], tmp_path / f"{steps}", "onnx", scheduler="dpmsolver++", steps=steps)

    contenders = {f"{steps} steps": lambda steps=steps: export(steps) for steps in (1, 20)}
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders, 1)), rounds=2, iterations=1, warmup_rounds=0)
    seconds = medians(rounds)["20 steps"] / 1e3
    over_one = ratio(rounds, "20 steps", "1 steps")
    results[f"export, {head}"] = {"seconds": round(seconds, 1), "20 steps over one": round(over_one, 2)}
    assert over_one <= 1.1 * MOST, f"20 steps take {over_one:.2f}× as long as one"
