"""An engine behind the core's face: the same windows in, the same forecasts out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compiled import Compiled

from sssd_export.build.parity import TOLERANCE, largest_error
from sssd_export.forecaster import EngineForecaster
from sssd_export.targets.onnx import load, register_targets
from sssd_registry.errors import SSSDError
from sssd_registry.model_or_engine import open_forecaster


@pytest.fixture(scope="module")
def forecaster(tiny_engine: Path) -> EngineForecaster:
    return load(tiny_engine)


def test_it_answers_as_the_model_does(forecaster: EngineForecaster, tiny_model: Path, tiny: Compiled) -> None:
    model = open_forecaster(tiny_model, steps=6)
    eager = model(tiny.windows, horizons=None, num_samples=12, seed=4)
    seen = forecaster(tiny.windows, horizons=None, num_samples=12, seed=4)
    assert largest_error(seen.samples, eager.samples) <= TOLERANCE
    assert seen.horizons == eager.horizons
    assert seen.targets == eager.targets
    np.testing.assert_array_equal(seen.times, eager.times)
    np.testing.assert_array_equal(seen.origin_times, eager.origin_times)
    for name in ("test_start", "random_walk_window"):
        assert getattr(forecaster, name) == getattr(model, name)
    assert forecaster.num_samples == 16


def test_a_manifest_has_the_scores_of_the_models_paths(forecaster: EngineForecaster, tiny_model: Path) -> None:
    record = open_forecaster(tiny_model).pipeline.record
    scores = forecaster.engine.manifest["validation"]
    assert scores == record.validation_paths.model_dump()
    assert scores["energy_score"] > 0


def test_windows_in_several_batches_are_the_same(forecaster: EngineForecaster, tiny: Compiled) -> None:
    """4,096 samples at two horizons leave four of the eight windows to a batch."""
    many = forecaster(tiny.windows, horizons=None, num_samples=4096, seed=1).samples
    alone = forecaster(tiny.windows.part(0, 2), horizons=None, num_samples=4096, seed=1).samples
    assert many.shape == (8, 4096, 2, 1)
    assert largest_error(many[:2], alone) <= TOLERANCE
    assert not np.isclose(many[0], many[4]).all(axis=0).any()
    expected = forecaster.engine(
        {f"{kind}_{name}": array[6:7] for kind in ("values", "times")
         for name, array in getattr(tiny.windows, kind).items()},
        4096, 1, first_window=6,
    ).samples  # fmt: skip
    assert largest_error(many[6:7], expected) <= TOLERANCE


def test_some_of_its_horizons_can_be_asked_for(forecaster: EngineForecaster, tiny: Compiled) -> None:
    every = forecaster(tiny.windows, horizons=None, num_samples=5, seed=0)
    later = forecaster(tiny.windows, horizons=["4h"], num_samples=5, seed=0)
    assert later.horizons == (4.0,)
    np.testing.assert_array_equal(later.samples, every.samples[:, :, 1:])
    with pytest.raises(SSSDError, match="built for horizons 1, 4"):
        forecaster(tiny.windows, horizons=[2], num_samples=5, seed=0)


def test_a_damaged_folder_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="is not an engine folder"):
        load(tmp_path)


def test_the_target_is_registered_as_any_plugins_is() -> None:
    (spec,) = register_targets()
    assert spec.name == "onnx"
    assert spec.summary
