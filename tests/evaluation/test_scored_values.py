"""What forecasts are scored against: levels or log-returns, and nothing that was missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.origins import Origins
from sssd_registry.data.training_data import training_data
from sssd_registry.evaluation.scored_values import scored_values


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_what_came_is_told_as_it_is_forecast(kind: str) -> None:
    levels = 100 + np.arange(300.0)
    seen = levels.copy()
    seen[[200, 203]] = np.nan  # an origin, and what comes after another
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=300, freq="h"), "y": seen})
    data = training_data(frame, DataConfig(horizons=(1, 3), target_kind=kind, timeframes={"1h": 24}))
    y, origin = scored_values(data.source, Origins(np.zeros(2, dtype=np.int64), np.array([199, 200])), (1, 3))
    began = np.array([levels[199], levels[199]])  # the last one seen
    came = np.array([[np.nan, levels[202]], [levels[201], np.nan]])
    if kind == "log-return":
        came, began = np.log(came / began[:, None]), np.zeros(2)
    np.testing.assert_allclose(y[..., 0], came)
    np.testing.assert_allclose(origin[:, 0], began)
