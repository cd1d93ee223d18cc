"""One face for a model and for its engine, so that every command takes either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.forecast import Forecast


class Forecaster(Protocol):
    """Something that forecasts from windows. Times are seconds since 1970 UTC."""

    @property
    def spec(self) -> DataSpec:
        """Specification to read a frame for it."""

    @property
    def num_samples(self) -> int:
        """S where nothing else is asked for."""

    @property
    def test_start(self) -> int:
        """End of the training and validation data, where test data start."""

    @property
    def random_walk_window(self) -> int:
        """The baseline's volatility window, in bars, chosen on validation data."""

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        """Forecast B windows; the same seed gives the same forecast, from a model or from its engine."""


@runtime_checkable
class GivenForecaster(Protocol):
    """Something that also forecasts given a part of the future: a pipeline, or an engine that keeps its correlation."""

    @property
    def spec(self) -> DataSpec:
        """Specification to read a frame for it."""

    def forecast_given(
        self,
        windows: Windows,
        *,
        horizons: Sequence[float | str],
        num_samples: int,
        seed: int,
        given: npt.NDArray[np.float64],
    ) -> Forecast:
        """Forecast B windows at K horizons, given ``(B, K, C)`` in data units, NaN where nothing is."""
