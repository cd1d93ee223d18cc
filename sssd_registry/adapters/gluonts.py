"""GluonTS's view of us: an estimator and a predictor for ``make_evaluation_predictions``, ``Evaluator`` and the rest.

from sssd_registry.adapters.gluonts import SSSDEstimator

predictor = SSSDEstimator(prediction_length=24, context_length=168).train(dataset.train)
forecasts, series = make_evaluation_predictions(dataset.test, predictor, num_samples=100)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

try:
    from gluonts.dataset.common import DataEntry, Dataset
    from gluonts.dataset.util import period_index
    from gluonts.model.estimator import Estimator
    from gluonts.model.forecast import SampleForecast
    from gluonts.model.predictor import Predictor
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{__name__} needs {error.name}: pip install 'sssd-registry[gluonts]'", name=error.name
    ) from error

from sssd_registry.config import Config
from sssd_registry.data.durations import DAY, WEEK, Length, calendar_length
from sssd_registry.data.end_windows import noise_streams
from sssd_registry.data.origins import last_origins
from sssd_registry.data.windows import windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline

_ID, _TIME = "item_id", "timestamp"
_AT_ONCE = 64
# As pandas names the frequencies of periods.
_MONTHS = {"ME": 1, "QE": 3, "YE": 12}


class SSSDPredictor(Predictor):  # type: ignore[misc]  # gluonts publishes no types
    """A trained pipeline as GluonTS takes it.

    Args:
        pipeline: trained by :class:`SSSDEstimator`, or on a frame with the same columns.
        prediction_length: bars to forecast, all of 1 to this.
        num_inference_steps: of the scheduler; default: the model's own.
        seed: of the noise; a dataset's forecasts are the same in every call of :meth:`predict`.
    """

    def __init__(
        self, pipeline: SSSDPipeline, prediction_length: int, num_inference_steps: int | None = None, seed: int = 0
    ) -> None:
        super().__init__(prediction_length=prediction_length)
        self.pipeline, self.num_inference_steps, self.seed = pipeline, num_inference_steps, seed

    def predict(self, dataset: Dataset, num_samples: int = 100, **_: Any) -> Iterator[SampleForecast]:
        """A forecast for each entry, in order: samples ``(num_samples, prediction_length)``, or ``(…, C)``.

        Raises:
            SSSDError: an entry that is shorter than the model's context, of another frequency, or has gaps.
        """
        entries, first = iter(dataset), 0
        for batch in iter(lambda: list(islice(entries, _AT_ONCE)), []):
            # Rolling windows repeat an id, and the same id twice would be one series.
            frame = pd.concat([_frame(entry, str(index)) for index, entry in enumerate(batch)])
            source = self.pipeline.source(frame)
            # An entry has noise of its own, whatever else is in the dataset.
            streams = noise_streams(_name(entry, first + index) for index, entry in enumerate(batch))
            first += len(batch)
            windows = replace(windows_at(source, last_origins(source, every=True)), streams=streams)
            made = self.pipeline(
                windows,
                horizons=range(1, self.prediction_length + 1),
                num_inference_steps=self.num_inference_steps,
                num_samples=num_samples,
                generator=self.seed,
            )
            for entry, samples in zip(batch, made.samples, strict=True):  # (S, K, C)
                target = np.asarray(entry["target"])
                yield SampleForecast(
                    samples=samples[..., 0] if target.ndim == 1 else samples,
                    start_date=entry["start"] + target.shape[-1],
                    item_id=entry.get("item_id"),
                )

    def serialize(self, path: Path) -> None:
        """Write into the existing folder ``path``: GluonTS's own file and the model folder."""
        super().serialize(path)
        self.pipeline.save_pretrained(path / "model")
        (path / "prediction_length").write_text(str(self.prediction_length))

    @classmethod
    def deserialize(cls, path: Path, **_: Any) -> SSSDPredictor:
        """Read what :meth:`serialize` wrote."""
        return cls(SSSDPipeline.from_pretrained(path / "model"), int((path / "prediction_length").read_text()))


class SSSDEstimator(Estimator):  # type: ignore[misc]  # gluonts publishes no types
    """Trains a forecaster on a GluonTS dataset, univariate or, with targets ``(C, T)``, multivariate.

    Args:
        prediction_length: bars to forecast.
        context_length: bars to look back; default: what ``sssd train`` takes for such data.
        config: everything else. Its ``data`` section may set timeframes and fractions; time, id and horizons follow
            from the dataset, and no part is held out as a test part unless it says so.
        num_inference_steps: for the predictor.
    """

    def __init__(
        self,
        prediction_length: int,
        context_length: int | None = None,
        config: Config | None = None,
        num_inference_steps: int | None = None,
    ) -> None:
        super().__init__()
        self.prediction_length, self.context_length = prediction_length, context_length
        self.config = config or Config()
        self.num_inference_steps = num_inference_steps

    def train(self, training_data: Dataset, validation_data: Dataset | None = None) -> SSSDPredictor:
        """Train on all series together; validation is their last part (``data.validation_fraction``).

        Args:
            training_data: entries with ``start`` and ``target``; all of one frequency.
            validation_data: not used: a validation series that holds its training part would be trained on twice.

        Raises:
            SSSDError: no series, a frequency that cannot be read, values that are missing, or too short series.
        """
        from sssd_registry.training.train import train

        del validation_data
        entries = list(training_data)
        if not entries:
            raise SSSDError("the GluonTS dataset has no series")
        frame = pd.concat([_frame(entry, str(index)) for index, entry in enumerate(entries)], ignore_index=True)
        with tempfile.TemporaryDirectory() as folder:
            pipeline = train(frame, self._config_for(entries[0]), Path(folder) / "model")
        return SSSDPredictor(pipeline, self.prediction_length, self.num_inference_steps)

    def _config_for(self, entry: DataEntry) -> Config:
        bar = str(_bar(entry))
        asked = self.config.data
        more: dict[str, Any] = {
            "time": _TIME,
            "id": _ID,
            "bar": bar,
            "horizons": tuple(range(1, self.prediction_length + 1)),
        }
        if self.context_length is not None:
            more["timeframes"] = {bar: self.context_length}
        if asked.targets is None:
            more["targets"] = "all"
        if "test_fraction" not in asked.model_fields_set:
            more["test_fraction"] = 0.0
        return self.config.model_copy(update={"data": asked.model_copy(update=more)})


def _frame(entry: DataEntry, name: str) -> pd.DataFrame:
    """One entry in long format; a column for each of its targets."""
    _bar(entry)
    target = np.atleast_2d(np.asarray(entry["target"], dtype=np.float64))  # (C, T)
    times = period_index({"start": entry["start"], "target": target}).to_timestamp()
    columns = {f"target_{index}": row for index, row in enumerate(target)}
    return pd.DataFrame({_TIME: times, _ID: name, **columns})


def _name(entry: DataEntry, number: int) -> str:
    """A name for the noise of an entry: its id, or without one its number, and its end."""
    return f"{entry.get('item_id', number)} {entry['start'] + np.asarray(entry['target']).shape[-1]}"


def _bar(entry: DataEntry) -> Length:
    """Length of a bar: that of the entry's frequency, business days being days with gaps.

    Raises:
        SSSDError: a frequency that is neither of the calendar's months nor of fixed length.
    """
    offset = entry["start"].freq
    unit, count = offset.name.split("-")[0], int(offset.n)
    if unit in _MONTHS:
        return calendar_length(_MONTHS[unit] * count)
    if unit in ("B", "W"):
        return Length((DAY if unit == "B" else WEEK) * count)
    try:
        return Length(int(pd.Timedelta(pd.tseries.frequencies.to_offset(offset)) // pd.Timedelta("1s")))
    except ValueError:
        raise SSSDError(
            f"series of frequency {offset.freqstr!r} cannot be read; years, quarters, months, weeks, days, hours,"
            " minutes and seconds can"
        ) from None
