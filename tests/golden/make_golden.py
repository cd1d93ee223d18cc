"""Makes the golden model and engine anew: ``python tests/golden/make_golden.py``.

Only where a change of format, said so in the CHANGELOG or the commit, makes those before unreadable: what they forecast
is what every saved model forecasts.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from sssd_registry.config import load_config
from sssd_registry.data.windows import Windows
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.storage.model_folder import read_model_folder
from sssd_registry.testing.parameters import fill_zeros
from sssd_registry.testing.tiny_model import SETTINGS, put_to_use, tiny_frame
from sssd_registry.training.train import train

Array = npt.NDArray[np.float64]

HERE = Path(__file__).parent
MODEL, ENGINE, FORECASTS = HERE / "model", HERE / "engine", HERE / "forecasts.safetensors"
# Trained ones, one between two bars, one that scales are interpolated at, and the longest.
HORIZONS = (1.0, 2.5, 4.0, 44.0, 60.0)
STEPS, SAMPLES, SEED = 4, 3, 11


def main() -> None:
    for folder in (MODEL, ENGINE):
        shutil.rmtree(folder, ignore_errors=True)
    pipeline = train(tiny_frame(), load_config(None, [*SETTINGS, "data.horizons=[1, 4, 60]"]), MODEL)
    fill_zeros(pipeline.network)
    put_to_use(pipeline)
    pipeline.save_pretrained(MODEL)
    export()
    save_file({"model": forecast_of_model(), "engine": forecast_of_engine()}, FORECASTS)
    print(f"{MODEL}, {ENGINE}: {np.round(forecast_of_model()[0, 0, :, 0], 5)}", file=sys.stderr)


def export() -> None:
    """The engine of the model at some of its horizons, in float32 for ONNX Runtime."""
    from sssd_export.request import export_model

    export_model(MODEL, ENGINE, scheduler="ddim", steps=STEPS, samples=SAMPLES, horizons="1,4,44,60")


def windows() -> Windows:
    """Those that are kept with the model."""
    examples = read_model_folder(MODEL).examples
    assert examples is not None
    return examples


def forecast_of_model() -> Array:
    """Samples ``(B, S, K, C)``, float64, in data units."""
    pipeline = SSSDPipeline.from_pretrained(MODEL)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(windows(), horizons=HORIZONS, num_inference_steps=STEPS, num_samples=SAMPLES, generator=SEED)
    return made.samples


def forecast_of_engine() -> Array:
    """The same of the engine, at its horizons."""
    from sssd_engine.engine import load_engine
    from sssd_export.forecaster import engine_inputs

    return load_engine(ENGINE)(engine_inputs(windows()), num_samples=SAMPLES, seed=SEED).samples


if __name__ == "__main__":
    main()
