"""Serves an engine by KServe's protocol for time series, POST /v1/timeseries/forecast.

    pip install kserve 'sssd-registry[export]'
    python examples/serve_kserve.py ENGINE --http_port 8080 --enable_grpc false

A series of several columns has a row for each bar, in the order of the engine's manifest. A horizon of K steps needs an
engine of the horizons 1 to K: sssd-export build MODEL --out ENGINE --horizons 1:24. Options may have a seed.
"""

import argparse
import time
import uuid
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pandas as pd
from kserve import Model, ModelServer, model_server
from kserve.protocol.rest.timeseries.error import create_error_response
from kserve.protocol.rest.timeseries.types import (
    FREQUENCY_MAP,
    ForecastOutput,
    ForecastRequest,
    ForecastResponse,
    TimeSeriesForecast,
    TimeSeriesInput,
)

from sssd_engine import load_engine


class HuggingFaceTimeSeriesModel(Model):  # a model of any other name is told that it has no such protocol
    def __init__(self, folder: str) -> None:
        super().__init__(Path(folder).resolve().name)
        self.engine = load_engine(folder, threads=1)
        self.ready = True

    async def forecast(self, request: ForecastRequest, context: object = None) -> object:
        try:
            content = [self.answer(given, request.options) for given in request.inputs]
        except ValueError as error:  # what an engine or a frame is wrong in
            return create_error_response(str(error), status_code=HTTPStatus.BAD_REQUEST)
        output = ForecastOutput(type="time_series_forecast", id=uuid.uuid4().hex, status="completed", content=content)
        return ForecastResponse(
            id=uuid.uuid4().hex, created_at=int(time.time()), status="completed", model=self.name, outputs=[output]
        )

    def answer(self, given: TimeSeriesInput, options: object) -> TimeSeriesForecast:
        spec, steps = self.engine.manifest["spec"], options.horizon
        if self.engine.horizons[:steps] != tuple(range(1, steps + 1)):
            raise ValueError(f"horizon {steps}: this engine forecasts {self.engine.horizons} bars ahead")
        start, after = pd.Timestamp(given.start_timestamp or "2000-01-01"), FREQUENCY_MAP[given.frequency.value]
        values = np.array(given.series, dtype=np.float64).reshape(len(given.series), -1)  # (L, V)
        frame = pd.DataFrame(values, columns=spec["columns"])
        frame[spec["time"]] = [start + after(step) for step in range(len(values))]
        made = self.engine(frame, seed=getattr(options, "seed", 0)).samples[0, :, :steps]  # (S, K, C)
        shape = (steps,) if given.type.value.startswith("univariate") else (steps, made.shape[2])
        return TimeSeriesForecast(
            type=given.type,
            name=given.name,
            frequency=given.frequency,
            start_timestamp=(start + after(len(values))).isoformat(),
            mean_forecast=made.mean(axis=0).reshape(shape).tolist(),
            quantiles={
                f"{level:g}": np.quantile(made, level, axis=0, method="weibull").reshape(shape).tolist()
                for level in options.quantiles or ()
            },
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("engine")
    ModelServer().start([HuggingFaceTimeSeriesModel(parser.parse_args().engine)])
