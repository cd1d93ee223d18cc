"""What does the speed cost? The 20-step engine's CRPS against the 100-step sampler's, on the demo's test data.

On the model of `make compare`, which forecasts bars with their volumes from the random walk: a network with work to do.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("backtesting", reason="the demo extra, with the demo's data, is not installed")

# The 20-step engine may lose this share of the 100-step sampler's CRPS.
TOLERANCE = 0.01


# Models, and what `--auto` is asked for of each; those that end in "-fast" are distilled. "U-Net" is the head of
# workload D, a U-Net with attention: all solvers on all targets would take it an hour.
TUNED = {
    "auto": ("eurusd-bars", ["--max-windows", "100"]),
    "auto, U-Net": ("eurusd-unet", ["--max-windows", "20", "--target", "openvino", "--scheduler", "ipndm"]),
    "distilled": ("eurusd-bars-fast", ["--max-windows", "100"]),
    "distilled, U-Net": ("eurusd-unet-fast", ["--max-windows", "20", "--target", "openvino"]),
}


@pytest.mark.parametrize("result", TUNED)
def test_the_fastest_engine_forecasts_as_well(benchmark: Any, results: dict[str, Any], result: str) -> None:
    """What `sssd-export auto` chooses on validation windows, scored on the test windows."""
    from sssd_registry.evaluation.evaluate import evaluate
    from sssd_registry.model_or_engine import open_forecaster

    root, (name, options) = Path(__file__).parents[1], TUNED[result]
    data, model, engine = root / "runs/eurusd.csv", root / "runs" / name, root / "runs" / f"{name}-auto"
    slow_model = model.with_name(name.removesuffix("-fast"))
    subprocess.run(["make", f"runs/{name}"], check=True, cwd=root)
    program = Path(sys.executable).with_name("sssd-export")
    subprocess.run([program, "auto", model, data, *options, "--out", engine], check=True, cwd=root)
    search = json.loads((engine / "manifest.json").read_text())["search"]
    assert search["network_in_use"], "few steps are good enough for a model whose network does nothing"
    windows = 100 if "U-Net" in result else None
    fast = benchmark.pedantic(
        lambda: evaluate(open_forecaster(engine), data, max_windows=windows), rounds=1, iterations=1
    )
    slow = evaluate(open_forecaster(slow_model, "ddim", 100), data, max_windows=windows)
    chosen = next(one for one in search["engines"] if one["label"] == search["choice"])
    ratio = fast.scores["model"].crps / slow.scores["model"].crps
    results[result] = {**chosen, "engines tried": len(search["engines"]), "test windows": fast.windows,
                       "test CRPS ratio": round(ratio, 4)}  # fmt: skip
    if result == "auto":
        shutil.copy(engine / "search.png", root / "runs/search.png")
    assert ratio <= 1 + TOLERANCE, f"the engine that --auto chose has {ratio:.4f} of the 100-step sampler's CRPS"


def test_the_engine_forecasts_as_well_as_the_sampler_it_replaces(benchmark: Any, results: dict[str, Any]) -> None:
    from sssd_registry.evaluation.evaluate import evaluate
    from sssd_registry.model_or_engine import open_forecaster

    root = Path(__file__).parents[1]
    data, model, engine = root / "runs/eurusd.csv", root / "runs/eurusd-bars", root / "runs/eurusd-bars-engine"
    subprocess.run(["make", "runs/eurusd-bars"], check=True, cwd=root)
    program = Path(sys.executable).with_name("sssd-export")
    subprocess.run([program, "build", model, "--steps", "20", "--out", engine], check=True, cwd=root)
    fast = benchmark.pedantic(lambda: evaluate(open_forecaster(engine), data), rounds=1, iterations=1)
    slow = evaluate(open_forecaster(model, "ddim", 100), data)
    assert fast.windows == slow.windows > 500
    ratio = fast.scores["model"].crps / slow.scores["model"].crps
    results["quality"] = {
        "windows": fast.windows,
        "CRPS, engine, 20 steps": fast.scores["model"].crps,
        "CRPS, DDIM, 100 steps": slow.scores["model"].crps,
        "ratio": round(ratio, 4),
    }
    benchmark.extra_info.update(results["quality"])
    assert ratio <= 1 + TOLERANCE, f"the 20-step engine's CRPS is {ratio:.4f} of the 100-step sampler's"
