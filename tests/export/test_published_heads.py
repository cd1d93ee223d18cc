"""Networks in the style of SSSD, CSDI and TimeGrad as heads from Python: trained, compared, compiled, conforming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_style import DilatedConvolutions, ResidualS4, TimeFeatureTransformer

from sssd_engine import load_engine
from sssd_export.forecaster import engine_inputs
from sssd_export.request import export_model
from sssd_registry import HeadSpec, SSSDPipeline, compare, load_config, train
from sssd_registry.comparison.compare import Setting
from sssd_registry.testing import HeadConformance
from sssd_registry.testing.parameters import fill_zeros
from sssd_registry.testing.tiny_model import put_to_use

SETTINGS = [
    'data.timeframes={"1h" = 8}', "data.horizons=[1, 4]", 'data.targets=["high", "low"]',
    "model.location_scale=random-walk", "training.warmup_steps=1",
    "model.feature_size=4", "model.state_size=2", "model.num_layers=1", "model.context_size=8", "model.token_size=4",
    "training.max_steps=4", "training.validate_every=2", "training.batch_size=4", "training.noise_draws=2",
    "training.validation_windows=4",
]  # fmt: skip


def spec_of(head: Any) -> HeadSpec:
    return HeadSpec("published", "in the style of a published network", head, tokens=True)


@pytest.mark.parametrize(
    "head",
    [
        ResidualS4,
        pytest.param(TimeFeatureTransformer, marks=pytest.mark.long),
        pytest.param(DilatedConvolutions, marks=pytest.mark.long),
    ],
)
def test_it_is_trained_compared_and_compiled(head: Any, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    """The build compares the engine with the scheduler's own loop; here, with the pipeline on the same noise."""
    spec, model = spec_of(head), tmp_path / "model"
    pipeline = train(tiny_frame, load_config(None, SETTINGS), model, head=spec)
    fill_zeros(pipeline.network)
    put_to_use(pipeline)
    pipeline.save_pretrained(model)
    rows = compare(model, tiny_frame, ["ddim"], [2], Setting(max_windows=4, samples=8), head=spec).rows
    assert np.isfinite(rows[0].crps)
    manifest = export_model(model, tmp_path / "engine", head=spec, steps=2, samples=8)
    assert manifest["parity"]["network_share"] > 0.01
    opened = SSSDPipeline.from_pretrained(model, head=spec)
    assert opened.examples is not None
    expected = opened(opened.examples, num_inference_steps=2, num_samples=8, generator=3).samples
    made = load_engine(tmp_path / "engine")(engine_inputs(opened.examples, [1, 4]), 8, 3).samples
    assert np.abs(made - expected).max() <= 1e-3 * expected.std(axis=1).min()


@pytest.mark.long
class TestResidualS4(HeadConformance):
    name = "published"
    spec = spec_of(ResidualS4)  # type: ignore[assignment]  # not one of a plugin's


@pytest.mark.long
class TestTimeFeatureTransformer(HeadConformance):
    name = "published"
    spec = spec_of(TimeFeatureTransformer)  # type: ignore[assignment]


@pytest.mark.long
class TestDilatedConvolutions(HeadConformance):
    name = "published"
    spec = spec_of(DilatedConvolutions)  # type: ignore[assignment]
