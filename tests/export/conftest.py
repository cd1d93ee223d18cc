"""Two traced networks for all tests of the export: tracing takes seconds, composing an engine from it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from compiled import Compiled, compile_network, liven

from sssd_registry.config import load_config
from sssd_registry.data.origins import all_origins
from sssd_registry.data.windows import windows_at
from sssd_registry.model.batches import training_data
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_network import make_network


@pytest.fixture(scope="session")
def tiny(tiny_model: Path, tiny_frame: pd.DataFrame) -> Compiled:
    """The tiny trained model: one target, two timeframes, two horizons."""
    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    source = pipeline.source(tiny_frame)
    windows = windows_at(source, all_origins(source).take(np.arange(3, 300, 40)))
    assert pipeline.examples is not None
    return compile_network(pipeline.network.requires_grad_(False), pipeline.examples, windows)


@pytest.fixture(scope="session")
def by_token(tiny: Compiled) -> Compiled:
    """The tiny model's data, and a head that sees a path's four components as tokens of size 1."""
    options = {"width": 8, "blocks": 1, "heads": 2, "time_size": 8}
    config = tiny.network.config.model_copy(update={"head": "dit", "head_options": options})
    torch.manual_seed(0)
    return compile_network(liven(make_network(tiny.network.spec, config)), tiny.windows, tiny.windows)


@pytest.fixture(scope="session")
def joint(tiny_settings: list[str]) -> Compiled:
    """Two targets as log-returns, two components of a path diffused; no volume, no OHLC, gaps, one timeframe."""
    random = np.random.default_rng(3)
    times = pd.date_range("2024-01-01", periods=400, freq="D")
    values = np.exp(random.normal(scale=0.02, size=(400, 3)).cumsum(axis=0))
    frame = pd.DataFrame({"time": times, "gbp": values[:, 0], "jpy": 150 * values[:, 1], "chf": values[:, 2]})
    frame = frame[times.day_of_week < 5]
    settings = [setting for setting in tiny_settings if not setting.startswith("data.")]
    config = load_config(
        None,
        [
            *settings,
            'data.timeframes={"1D" = 10}',
            "data.horizons=[1, 2, 5]",
            'data.targets=["jpy", "gbp"]',
            "data.target_kind=log-return",
            "model.components=2",
            "model.location_scale=direct",
        ],
    )
    data = training_data(frame, config.data)
    origins = data.split.train
    examples, windows = (windows_at(data.source, origins.take(np.arange(*span))) for span in ((0, 6, 2), (9, 150, 20)))
    torch.manual_seed(0)  # else its weights would be those of whatever tests came before
    return compile_network(liven(make_network(data.spec, config.model)), examples, windows)
