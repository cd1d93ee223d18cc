"""What many tests share: a small price-like frame, and a tiny model trained on it once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

# The same examples in every run: a test that fails for one person fails for all.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

TINY = [
    'data.timeframes={"1h" = 24, "4h" = 6}',
    "data.horizons=[1, 4]",
    "model.feature_size=8",
    "model.state_size=4",
    "model.num_layers=1",
    "model.context_size=8",
    "model.horizon_size=8",
    "model.head_options={hidden_sizes = [16], time_size = 8}",
    "training.max_steps=12",
    "training.validate_every=6",
    "training.validation_windows=8",
    "training.batch_size=8",
    "training.noise_draws=2",
    "training.warmup_steps=2",
]


@pytest.fixture(scope="session")
def tiny_settings() -> list[str]:
    """``section.key=value`` overrides of a model that trains in a second."""
    return list(TINY)


@pytest.fixture(scope="session")
def tiny_frame() -> pd.DataFrame:
    """600 hourly OHLCV bars of a random walk, without weekends."""
    random = np.random.default_rng(7)
    times = pd.date_range("2024-01-01", periods=900, freq="h")
    times = times[times.dayofweek < 5][:600]
    close = 1.1 + np.cumsum(random.normal(scale=1e-3, size=600))
    spread = np.abs(random.normal(scale=1e-3, size=(2, 600)))
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "time": times,
            "open": opened,
            "high": np.maximum(opened, close) + spread[0],
            "low": np.minimum(opened, close) - spread[1],
            "close": close,
            "volume": random.integers(100, 1000, size=600).astype(float),
        }
    )


@pytest.fixture(scope="session")
def tiny_csv(tiny_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_frame`` as a file."""
    path = tmp_path_factory.mktemp("data") / "bars.csv"
    tiny_frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model trained for a dozen steps. Not to be changed: copy it first."""
    from sssd_registry.config import load_config
    from sssd_registry.training.loop import train

    out = tmp_path_factory.mktemp("model") / "tiny"
    train(tiny_csv, load_config(None, TINY), out)
    return out


@pytest.fixture(scope="session")
def tiny_engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_model`` compiled: DPM-Solver++ in 6 steps. Not to be changed: copy it first."""
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model

    out = tmp_path_factory.mktemp("engine") / "tiny"
    export_model(tiny_model, out, steps=6, samples=16)
    return out
