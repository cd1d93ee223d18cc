"""Paths of made data have the joint law that the data have: over horizons and targets, in the model and in its engine.

Forecasts' locations are the best there are, so that their errors have a law that is known; the correlation is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from torch import Tensor

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from compiled import compile_network

from sssd_export.forecaster import engine_inputs
from sssd_registry.config import load_config
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import windows_at
from sssd_registry.model.batches import training_data
from sssd_registry.model.normalizer import WindowNormalizer
from sssd_registry.model_pipeline import forecast_samples
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.sampling.noise import path_noise
from sssd_registry.training.fit_correlation import fit_correlation

Array = npt.NDArray[np.float64]

ROWS, SAMPLES = 40_000, 8_000
START = 438_288  # hours from 1970 to 2020
ALIKE = np.array([[1.0, 0.7], [0.7, 1.0]])
KEPT = np.diag([0.8, 0.6])


def innovations() -> Array:
    return np.random.default_rng(0).normal(size=(ROWS, 2)) @ np.linalg.cholesky(ALIKE).T


def random_walk() -> Array:
    return 100 + np.cumsum(innovations(), axis=0)


def autoregression() -> Array:
    """A vector autoregression whose targets have correlated innovations, and each its own memory."""
    values, noise = np.zeros((ROWS, 2)), innovations()
    for row in range(1, ROWS):
        values[row] = KEPT @ values[row - 1] + noise[row]
    return values


def seasonal() -> Array:
    hour = START + np.arange(ROWS)[:, None]
    return autoregression() + 5 * np.sin(2 * np.pi * hour / 24 + np.array([0.0, 1.0]))


def law(horizons: list[int], kept: Array) -> Array:
    """Correlation of forecast errors at the horizons, ``(K 2, K 2)``, where the past keeps ``kept`` for a bar."""
    longest = max(horizons)
    powers = [np.linalg.matrix_power(kept, lag) for lag in range(longest)]
    errors = np.zeros((len(horizons), 2, longest, 2))
    for row, horizon in enumerate(horizons):
        for bar in range(horizon):
            errors[row, :, bar] = powers[horizon - 1 - bar] @ np.linalg.cholesky(ALIKE)
    flat = errors.reshape(2 * len(horizons), -1)
    covariance = flat @ flat.T
    deviation = np.sqrt(np.diag(covariance))
    found: Array = covariance / np.outer(deviation, deviation)
    return found


class BestForecast(WindowNormalizer):
    """Of a seasonal wave of some height, and what the past keeps of the distance from it."""

    def __init__(self, spec: DataSpec, kept: Array, height: float) -> None:
        super().__init__(spec)
        self.kept, self.height = torch.from_numpy(np.diag(kept).copy()), height

    def location_scale(
        self, values: Mapping[str, Tensor], times: Mapping[str, Tensor], horizons: Tensor
    ) -> tuple[Tensor, Tensor]:
        hour = (times["1h"][:, -1:, None] / 3600.0).double()  # (B, 1, 1)
        ahead = horizons.double().reshape(1, -1, 1)
        away = self.origin(values).unsqueeze(1) - self._wave(hour)
        location = self._wave(hour + ahead) + away * self.kept**ahead
        return location, torch.ones_like(location)

    def _wave(self, hour: Tensor) -> Tensor:
        return self.height * torch.sin(2 * torch.pi * hour / 24 + torch.tensor([0.0, 1.0], dtype=torch.float64))


DENSE, SPARSE = list(range(1, 13)), [1, 4, 12]


@pytest.mark.parametrize(
    ("make", "kept", "trained"),
    [
        pytest.param(random_walk, np.eye(2), SPARSE, marks=pytest.mark.long),
        (autoregression, KEPT, SPARSE),
        (seasonal, KEPT, DENSE),
    ],
    ids=["walk-sparse", "autoregression-sparse", "seasonal-dense"],
)
def test_samples_are_joined_as_the_data_are(make: Callable[[], Array], kept: Array, trained: list[int]) -> None:
    """At the trained horizons and, in the model, between them; with a network left out, and an idle one in use."""
    values = make()
    times = pd.date_range("2020-01-01", periods=ROWS, freq="h")
    frame = pd.DataFrame({"time": times, "a": values[:, 0], "b": values[:, 1]})
    settings = [f"data.horizons={trained}", 'data.timeframes={"1h" = 48}', "data.targets=all", "model.feature_size=8"]
    config = load_config(None, [*settings, "model.num_layers=1", "model.components=4"])
    data = training_data(frame, config.data)
    network = make_network(data.spec, config.model).eval().requires_grad_(False)
    height = 5.0 if make is seasonal else 0.0
    network.normalizer = BestForecast(data.spec, kept, height)
    fit_correlation(network.correlation, network.normalizer, data)
    some = windows_at(data.source, data.split.test.take(np.array([5, 300])))
    for network.in_use in (False, True):
        case = compile_network(network, some, some)
        engine = case.engine("unipc", 12)
        seen = engine(engine_inputs(some.part(0, 1)), SAMPLES, seed=1).samples[0]  # (S, K, C)
        np.testing.assert_allclose(np.corrcoef(seen.reshape(SAMPLES, -1).T), law(trained, kept), rtol=0, atol=0.05)
    between = [1, 2, 3, 6, 7, 12]
    noise = path_noise(1, 0, 1, SAMPLES, network.noise_shape(None))
    eager = forecast_samples(network, case.tableau("unipc", 12), some.part(0, 1), between, noise)[0]
    found = torch.corrcoef(eager.reshape(SAMPLES, -1).T).numpy()
    np.testing.assert_allclose(found, law(between, kept), rtol=0, atol=0.05)
