"""A small price-like frame, and a model that trains on it in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sssd_registry.config import load_config
from sssd_registry.pipeline import SSSDPipeline

SETTINGS = (
    'data.timeframes={"1h" = 24, "4h" = 6}',
    "data.horizons=[1, 4]",
    'model.location_scale="linear"',
    "model.feature_size=8",
    "model.state_size=4",
    "model.num_layers=1",
    "model.context_size=8",
    "model.token_size=8",
    "model.head_options={hidden_sizes = [16], time_size = 8}",
    "training.max_steps=12",
    "training.validate_every=6",
    "training.validation_windows=8",
    "training.batch_size=8",
    "training.noise_draws=2",
    "training.warmup_steps=2",
)


def tiny_frame() -> pd.DataFrame:
    """600 hourly OHLCV bars of a random walk, without weekends."""
    random = np.random.default_rng(7)
    times = pd.date_range("2024-01-01", periods=900, freq="h")
    times = times[times.day_of_week < 5][:600]
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


def train_tiny_model(out: Path, *settings: str) -> SSSDPipeline:
    """Train for a dozen steps, and save to ``out``; its network is in use, and none of its parameters is zero.

    ``settings``, such as ``training.seed=1``, come after the tiny model's own.

    On a random walk nothing is better than the start, and the network is left out: that would prove little.
    """
    from sssd_registry.testing.parameters import fill_zeros
    from sssd_registry.training.train import train

    pipeline = train(tiny_frame(), load_config(None, [*SETTINGS, *settings]), out)
    fill_zeros(pipeline.network)
    put_to_use(pipeline)
    pipeline.save_pretrained(out)
    return pipeline


def put_to_use(pipeline: SSSDPipeline) -> None:
    """Let a network take part in forecasts, whatever training found it to be good for."""
    assert pipeline.record is not None
    pipeline.record = pipeline.record.model_copy(update={"best_step": pipeline.record.steps})
    pipeline.network.in_use = True
