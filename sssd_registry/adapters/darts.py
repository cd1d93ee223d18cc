"""darts' view of us: a local forecasting model, for its backtests and ensembles.

from sssd_registry.adapters.darts import SSSDDartsModel

model = SSSDDartsModel(h=24)
model.fit(series)
model.predict(24, num_samples=100)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

try:
    from darts import TimeSeries
    from darts.models.forecasting.forecasting_model import LocalForecastingModel
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{__name__} needs {error.name}: pip install 'sssd-registry[darts]'", name=error.name
    ) from error

from sssd_registry.estimator import SSSDForecaster

_TIME = "time"
# What a mean is taken over where darts asks for one sample: a point forecast.
_SAMPLES = 100


class SSSDDartsModel(LocalForecastingModel):  # type: ignore[misc]  # darts publishes no types
    """Trains on a series, univariate or multivariate, and forecasts from its end.

    Args:
        h: farthest horizon to train for, in bars; default: what suits the data.
        settings: ``section.key=value``, as ``sssd train --set`` takes them.
        seed: of the noise.
    """

    def __init__(self, h: int | None = None, settings: Sequence[str] = (), seed: int = 0) -> None:
        super().__init__(add_encoders=None)
        self.h, self.settings, self.seed = h, settings, seed

    @property
    def supports_multivariate(self) -> bool:
        """All components are forecast jointly."""
        return True

    @property
    def supports_probabilistic_prediction(self) -> bool:
        """Samples are paths over all bars and components."""
        return True

    def fit(self, series: TimeSeries, **_: Any) -> SSSDDartsModel:
        """Train on ``series``; its last part is the validation part.

        Raises:
            SSSDError: bad data or settings.
        """
        super().fit(series)
        more = ["data.targets=all", "data.test_fraction=0.0"]
        self._forecaster = SSSDForecaster(self.h, settings=[*more, *self.settings], seed=self.seed)
        self._forecaster.fit(_frame(series))
        return self

    def predict(self, n: int, num_samples: int = 1, **given: Any) -> TimeSeries:
        """Forecast ``n`` bars: the mean where one sample is asked for, else so many paths.

        Raises:
            SSSDError: ``n`` is beyond the farthest horizon that was trained.
        """
        super().predict(n, num_samples=num_samples, **given)
        self._forecaster.num_samples = max(num_samples, 2) if num_samples > 1 else _SAMPLES
        made = self._forecaster.forecast(n)
        values = made.mean[0][..., None] if num_samples == 1 else np.moveaxis(made.paths[0], 0, -1)  # (K, C, S)
        made_of: TimeSeries = self._build_forecast_series(values)
        return made_of


def _frame(series: TimeSeries) -> pd.DataFrame:
    """The values with their times as a column; rows that are just counted are taken as days."""
    values = series.values()
    index = series.time_index
    times = index if isinstance(index, pd.DatetimeIndex) else pd.to_datetime(np.asarray(index), unit="D")
    columns = {str(name): values[:, number] for number, name in enumerate(series.components)}
    return pd.DataFrame({_TIME: times, **columns})
