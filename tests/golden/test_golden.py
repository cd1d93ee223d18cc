"""A model and an engine that were saved once forecast what they forecast then.

Where this fails, every saved model's forecasts have changed: undo it, or raise the format's number and make the golden
folders anew with ``make_golden.py`` beside this file.
"""

from __future__ import annotations

import numpy as np
import pytest
from make_golden import FORECASTS, HORIZONS, MODEL, SAMPLES, forecast_of_engine, forecast_of_model
from safetensors.numpy import load_file

# Of a sample's spread: what float32 and another processor's order of sums may change.
TOLERANCE = 2e-4


@pytest.mark.parametrize(("what", "forecast"), [("model", forecast_of_model), ("engine", forecast_of_engine)])
def test_what_was_saved_forecasts_the_same(what: str, forecast) -> None:  # type: ignore[no-untyped-def]
    recorded = load_file(FORECASTS)[what]
    made = np.asarray(forecast())
    assert made.shape == recorded.shape
    spread = recorded.std(axis=(0, 1))  # (K, C)
    assert (np.abs(made - recorded) <= TOLERANCE * spread).all()


def test_the_recorded_forecasts_are_of_a_network_in_use() -> None:
    """Samples of a window that differ by more than a Gaussian of the units would: the head has its say."""
    recorded = load_file(FORECASTS)["model"]
    assert recorded.shape == (8, SAMPLES, len(HORIZONS), 1)
    assert (MODEL / "model.safetensors").stat().st_size < 200_000
    assert np.isfinite(recorded).all()
