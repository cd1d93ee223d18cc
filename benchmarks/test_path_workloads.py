"""Time of whole paths: 30 horizons × 100 samples of 1, 8 and 2,048 windows, beside GluonTS's DeepAR, in one run.

    P1, P8, P2048   one target, 250 daily bars back, 30 days ahead, the default model with random weights

DeepAR is GluonTS's own module, eager, 2 layers of 40, which makes as many paths bar after bar. All take raw windows and
give samples in data units. Speed does not depend on weights; how good either is at such paths, `make accuracy` tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from alternate import medians, one_round, ratio, spread
from conftest import SAMPLES, Workload, make_workload, repeated
from engines import Kind, engine

from sssd_registry.config import Config, DataConfig

HORIZONS, LOOKBACK = 30, 250
# Windows, rounds, and how often each is timed in a round.
SIZES = {1: (15, 3), 8: (11, 3), 2048: (2, 1)}
DEEPAR, CLOSED = "DeepAR, GluonTS, eager", "closed form, onnx"
# In DeepAR's time, at most.
GOALS = {"unipc-20, onnx fp32": 0.25, "unipc-4, onnx int8": 0.08, CLOSED: 0.02}


def workload_of(windows: int, in_use: bool) -> Workload:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"time": pd.date_range("2010-01-01", periods=1500), "value": random.normal(size=1500).cumsum()}
    )
    data = DataConfig(horizons=tuple(range(1, HORIZONS + 1)), timeframes={"1D": LOOKBACK})
    made = make_workload(f"P{windows}", frame, Config(data=data), in_use=in_use)
    return made if windows == 1 else repeated(made, windows)


def deepar(windows: int) -> Callable[[], Any]:
    """A forecast by GluonTS's module, with random weights; 60 bars of context and its own lags."""
    pytest.importorskip("lightning", reason="the accuracy extra is not installed")
    from gluonts.torch.model.deepar.module import DeepARModel

    lags = [*range(1, 8), 14, 21, 28, 30]
    torch.manual_seed(0)
    model = DeepARModel("D", 60, HORIZONS, num_feat_dynamic_real=4, lags_seq=lags, dropout_rate=0.0).eval()
    length = 60 + max(lags)
    past = torch.randn(windows, length).cumsum(dim=1)
    given = (
        torch.zeros(windows, 1, dtype=torch.long), torch.zeros(windows, 1), torch.randn(windows, length, 4), past,
        torch.ones_like(past), torch.randn(windows, HORIZONS, 4),
    )  # fmt: skip

    @torch.inference_mode()
    def run() -> Any:
        return model(*given, num_parallel_samples=SAMPLES)

    assert run().shape == (windows, SAMPLES, HORIZONS)
    return run


def forecast(workload: Workload, scheduler: str, steps: int, precision: str) -> Callable[[], Any]:
    """Noise is drawn by its seed, which is part of a forecast's time."""
    made = engine(workload, scheduler, steps, Kind("onnx", precision, "unrolled"))
    feed = {name: array for name, array in workload.feed.items() if name != "noise"}
    return lambda: made(feed, SAMPLES, seed=1).samples


@pytest.mark.parametrize("windows", SIZES)
def test_paths(benchmark: Any, windows: int, results: dict[str, Any]) -> None:
    used, left_out = workload_of(windows, in_use=True), workload_of(windows, in_use=False)
    contenders = {
        DEEPAR: deepar(windows),
        "unipc-20, onnx fp32": forecast(used, "unipc", 20, "fp32"),
        "unipc-4, onnx int8": forecast(used, "unipc", 4, "int8"),
        CLOSED: forecast(left_out, "unipc", 4, "fp32"),
    }
    rounds: list[dict[str, float]] = []
    count, repeats = SIZES[windows]
    benchmark.pedantic(lambda: rounds.append(one_round(contenders, repeats)), rounds=count, iterations=1)
    shares = {name: round(1 / ratio(rounds, DEEPAR, name), 4) for name in GOALS}
    results[f"workload P{windows}"] = {
        "rows": {name: {"ms": round(ms, 3), **spread(rounds, name, DEEPAR)} for name, ms in medians(rounds).items()},
        "goals": GOALS,
        "reached": shares,
    }
    print(f"\nP{windows}: in DeepAR's time {shares}, {medians(rounds)} ms")
    assert all(share < 1 for share in shares.values()), f"slower than DeepAR: {shares}"
