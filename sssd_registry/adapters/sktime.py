"""sktime's view of us: a forecaster for its pipelines, evaluation and model selection.

from sssd_registry.adapters.sktime import SSSDSktimeForecaster

forecaster = SSSDSktimeForecaster(h=24).fit(y)
forecaster.predict(fh=[1, 2, 3])
forecaster.predict_quantiles(fh=[1, 2, 3], alpha=[0.1, 0.9])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

try:
    from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{__name__} needs {error.name}: pip install 'sssd-registry[sktime]'", name=error.name
    ) from error

from sssd_registry.errors import SSSDError
from sssd_registry.estimator import SSSDForecaster
from sssd_registry.forecast import Forecast

_TIME = "time"


class SSSDSktimeForecaster(BaseForecaster):  # type: ignore[misc]  # sktime publishes no types
    """Trains on a series, univariate or multivariate; forecasts go on from its end or, after ``update``, a later one.

    Args:
        h: farthest horizon to train for, in bars; default: what suits the data.
        settings: ``section.key=value``, as ``sssd train --set`` takes them.
        num_samples: S, which means and quantiles are taken over.
        seed: of the noise.
    """

    _tags = {  # noqa: RUF012  # as sktime has them
        "capability:multivariate": True,
        "capability:exogenous": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:insample": False,
        "capability:update": True,
        "requires-fh-in-fit": False,
        "y_inner_mtype": "pd.DataFrame",
        "X_inner_mtype": "pd.DataFrame",
        "python_dependencies": "sssd-registry",
    }

    def __init__(
        self, h: int | None = None, settings: Sequence[str] = (), num_samples: int = 100, seed: int = 0
    ) -> None:
        self.h, self.settings, self.num_samples, self.seed = h, settings, num_samples, seed
        super().__init__()
        self.set_config(remember_data=True)  # forecasts go on from the last rows that update brought

    def _fit(self, y: pd.DataFrame, X: Any, fh: Any) -> SSSDSktimeForecaster:
        del X, fh
        more = ["data.targets=all", "data.test_fraction=0.0"]
        model = SSSDForecaster(self.h, settings=[*more, *self.settings], num_samples=self.num_samples, seed=self.seed)
        self.forecaster_ = model.fit(_frame(y))
        return self

    def _update(self, y: pd.DataFrame, X: Any = None, update_params: bool = True) -> SSSDSktimeForecaster:
        """Take new rows to go on from; what was learnt stays."""
        del y, X, update_params
        return self

    def _predict(self, fh: ForecastingHorizon, X: Any) -> pd.DataFrame:
        del X
        made, rows = self._made(fh)
        return pd.DataFrame(made.mean[0][rows], index=self._times(fh), columns=self._y.columns)

    def _predict_quantiles(self, fh: ForecastingHorizon, X: Any, alpha: Sequence[float]) -> pd.DataFrame:
        del X
        made, rows = self._made(fh)
        quantiles = np.moveaxis(made.quantile(list(alpha))[:, 0][:, rows], 0, -1)  # (K, C, Q)
        names = self._get_varnames()
        columns = pd.MultiIndex.from_product([names, alpha])
        return pd.DataFrame(quantiles.reshape(len(rows), -1), index=self._times(fh), columns=columns)

    def _made(self, fh: ForecastingHorizon) -> tuple[Forecast, list[int]]:
        """The forecast, and which of its horizons each one asked for is."""
        bars = [int(bar) for bar in fh.to_relative(self.cutoff).to_pandas()]
        if min(bars) < 1:
            raise SSSDError(f"horizon {min(bars)} is not after the data; only what is to come is forecast")
        made = self.forecaster_.forecast(bars, _frame(self._y))
        return made, [made.horizons.index(float(bar)) for bar in bars]

    def _times(self, fh: ForecastingHorizon) -> pd.Index:
        times: pd.Index = fh.to_absolute_index(self.cutoff)
        return times

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings of sktime's own tests: a model that trains in no time."""
        del parameter_set
        small = ["model.location_scale=linear", "model.feature_size=8", "training.max_steps=4", "training.batch_size=4"]
        return [{"h": 3, "settings": small, "num_samples": 8}, {"h": 5, "settings": small, "num_samples": 8, "seed": 1}]


def _frame(y: pd.DataFrame) -> pd.DataFrame:
    """``y`` with its times as a column; rows that are just counted are taken as days."""
    columns = y.set_axis([str(name) for name in y.columns], axis=1)
    if isinstance(y.index, pd.DatetimeIndex):
        times = y.index
    elif isinstance(y.index, pd.PeriodIndex):
        times = y.index.to_timestamp()
    else:
        times = pd.Timestamp("1970-01-01") + pd.to_timedelta(np.asarray(y.index), unit="D")
    return columns.reset_index(drop=True).assign(**{_TIME: times})
