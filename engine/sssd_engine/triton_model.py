"""A model of Triton's Python backend that answers with an engine and makes its noise: values, times and a seed come in.

``sssd-export triton ENGINE REPOSITORY --seeds`` writes a ``model.py`` that imports this, and the engine beside it.
Window i of a request with seed s has the noise that it has in ``engine(inputs, seed=s)``, whatever it is batched with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sssd_engine.engine import load_engine
from sssd_engine.forecast import EngineForecast
from sssd_engine.input_noise import check_whole
from sssd_engine.manifest import EngineError
from sssd_engine.noise import NOISE, draw_noise

SEED = "seed"
# Key of the model's configuration: samples of a forecast, instead of as many as the engine was exported for.
SAMPLES = "num_samples"


class TritonPythonModel:
    """The class that Triton's Python backend looks for, by this name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the engine of this version. Threads of a call: one; instances run side by side."""
        import triton_python_backend_utils as backend  # there in Triton alone

        self.backend = backend
        self.engine = load_engine(Path(args["model_repository"], args["model_version"], "engine"), threads=1)
        parameters = json.loads(args["model_config"]).get("parameters", {})
        self.samples = int(parameters.get(SAMPLES, {}).get("string_value", self.engine.manifest["num_samples"]))
        self.names = [port["name"] for port in self.engine.manifest["inputs"] if port["name"] not in NOISE]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer what Triton has batched: in one call, or one by one where a request is wrong, which then says why."""
        asked = [self._read(request) for request in requests]
        try:
            made = forecast_together(self.engine, asked, self.samples)
        except EngineError:
            return [self._answer_one(one) for one in asked]
        return [self._response(one) for one in made]

    def finalize(self) -> None:
        """Let go of the engine."""
        self.engine.close()

    def _read(self, request: Any) -> dict[str, Any]:
        """Arrays by name: values, times and ``seed (B, 1)``.

        By DLPack: Triton's servers of before numpy 2 make arrays of other numbers of it, ``as_numpy``. Copied, as the
        memory is the request's.
        """
        tensors = {name: self.backend.get_input_tensor_by_name(request, name) for name in (*self.names, SEED)}
        return {name: np.array(np.from_dlpack(tensor)) for name, tensor in tensors.items()}

    def _answer_one(self, asked: dict[str, Any]) -> Any:
        try:
            (made,) = forecast_together(self.engine, [asked], self.samples)
        except EngineError as error:
            return self.backend.InferenceResponse(error=self.backend.TritonError(str(error)))
        return self._response(made)

    def _response(self, made: EngineForecast) -> Any:
        outputs = {"samples": made.samples, "quantiles": made.quantiles}
        tensors = [self.backend.Tensor.from_dlpack(name, np.require(array, requirements=("C", "W")))
                   for name, array in outputs.items()]  # fmt: skip
        return self.backend.InferenceResponse(tensors)


def forecast_together(engine: Any, requests: Sequence[dict[str, Any]], samples: int) -> list[EngineForecast]:
    """Forecasts of several requests by one call of the engine.

    Args:
        engine: a loaded engine.
        requests: arrays by the engine's names, ``(B, …)``, and ``seed (B, 1)``: one for each window.
        samples: S.

    Raises:
        EngineError: as when the engine is called; of any of the requests.
    """
    sizes = [len(request[SEED]) for request in requests]
    noises = []
    for request in requests:
        for window, (seed,) in enumerate(request[SEED]):
            check_whole(SEED, seed)
            noises.append(draw_noise(int(seed), window, 1, samples, engine.noise_shape))
    feed = {name: np.concatenate([request[name] for request in requests]) for name in requests[0] if name != SEED}
    noise, draws = (np.concatenate(parts) for parts in zip(*noises, strict=True))
    made = engine(feed, noise=noise, draws=draws)
    ends = np.cumsum(sizes)[:-1]
    return [
        EngineForecast(*one) for one in zip(np.split(made.samples, ends), np.split(made.quantiles, ends), strict=True)
    ]
