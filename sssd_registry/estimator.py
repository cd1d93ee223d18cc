"""A forecaster for notebooks, as scikit-learn's estimators are used: settings, ``fit``, ``predict``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sssd_registry.config import Config, load_config
from sssd_registry.data.other_frames import Data
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import LEVELS, Forecast
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.given_head import Head

Horizon = int | str | Sequence[float | str] | None


class SSSDForecaster:
    """Trains on a frame and forecasts from its end; a frame comes back, of the library that the data's was of.

        model = SSSDForecaster(24, settings=["training.max_steps=500"]).fit(frame)
        model.predict(24)  # a row for each series, horizon and target: mean and quantiles

    Args:
        h: farthest horizon to train for, in bars (24 means 1 to 24), or horizons as ``sssd train --horizons`` takes
            them; default: what suits the data.
        head: factory of a noise head, as :func:`~sssd_registry.training.train.train` takes it.
        settings: ``section.key=value``, as ``sssd train --set`` takes them.
        num_samples: S, paths of each forecast.
        num_inference_steps: of the scheduler; default: the model's own.
        seed: of the noise; the same seed gives the same forecast.

    Attributes:
        pipeline: the trained model, once there is one; ``pipeline.save_pretrained(folder)`` keeps it.
    """

    def __init__(
        self,
        h: Horizon = None,
        *,
        head: Head | None = None,
        settings: Sequence[str] = (),
        num_samples: int = 100,
        num_inference_steps: int | None = None,
        seed: int = 0,
    ) -> None:
        self.h, self.head, self.settings = h, head, settings
        self.num_samples, self.num_inference_steps, self.seed = num_samples, num_inference_steps, seed
        self.pipeline: SSSDPipeline | None = None
        self._data: Data | None = None

    def fit(self, data: Data) -> Self:
        """Train on a frame or file; it is also what :meth:`predict` goes on from.

        Raises:
            SSSDError: bad data or settings.
        """
        from sssd_registry.training.train import train

        with tempfile.TemporaryDirectory() as folder:
            self.pipeline = train(data, self._settled(), Path(folder) / "model", head=self.head)
        self._data = data
        return self

    def predict(
        self, h: Horizon = None, data: Data | None = None, *, quantiles: Sequence[float] = LEVELS, paths: bool = False
    ) -> Any:
        """Forecast every series from its last row.

        Args:
            h: bars to forecast, all of 1 to this, or horizons; default: the trained ones.
            data: rows to go on from; default: those of :meth:`fit`.
            quantiles: levels, a column for each beside the mean.
            paths: the sample paths instead, a row for each sample, horizon and target.

        Raises:
            SSSDError: not fitted yet, unusable data, or a horizon beyond the trained ones.
        """
        made = self.forecast(h, data)
        return made.paths_frame() if paths else made.to_frame(quantiles)

    def forecast(self, h: Horizon = None, data: Data | None = None) -> Forecast:
        """Do the same, and give all samples; arguments and errors are those of :meth:`predict`."""
        rows = self._data if data is None else data
        if self.pipeline is None or rows is None:
            raise SSSDError("this forecaster has learnt nothing yet: call fit(frame) first")
        return self.pipeline(
            rows,
            horizons=_range(h),
            num_inference_steps=self.num_inference_steps,
            num_samples=self.num_samples,
            generator=self.seed,
        )

    def _settled(self) -> Config:
        asked = _range(self.h)
        horizons = (
            [] if asked is None else [f"data.horizons={json.dumps(asked if isinstance(asked, str) else [*asked])}"]
        )
        return load_config(None, [*self.settings, *horizons])


def _range(h: Horizon) -> str | Sequence[float | str] | None:
    """A number as the range of bars up to it; all else as it is.

    Raises:
        SSSDError: a number that is none of bars.
    """
    if not isinstance(h, int):
        return h
    if h < 1:
        raise SSSDError(f"h is {h}; give the number of bars to forecast, 1 or more")
    return f"1:{h}"
