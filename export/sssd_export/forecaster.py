"""An engine behind the core's face, so that every command takes one wherever it takes a model."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sssd_engine.engine import Engine, load_engine
from sssd_engine.noise import NOISE
from sssd_export.engine_errors import as_users_error
from sssd_registry.data.other_frames import Data
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import check_horizons, dated_forecast

if TYPE_CHECKING:
    pass


def open_engine(folder: Path, *, threads: int = 0) -> EngineForecaster:
    """An engine of any of our targets, on ``threads`` threads (0: as many as there are cores).

    Raises:
        SSSDError: not such an engine, or a file was changed.
    """
    with as_users_error():
        return EngineForecaster(load_engine(folder, threads=threads))


class EngineForecaster:
    """An engine that takes the core's windows and answers with the core's forecasts."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @functools.cached_property
    def spec(self) -> DataSpec:
        """The model's, but with the horizons that the engine was built for."""
        trained = engine_spec(self.engine.manifest)
        return trained.model_copy(update={"horizons": self.engine.horizons})

    @property
    def num_samples(self) -> int:
        return int(self.engine.manifest["num_samples"])

    @property
    def test_start(self) -> int:
        return int(self.engine.manifest["test_start"])

    @property
    def random_walk_window(self) -> int:
        return int(self.engine.manifest["random_walk_window"])

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        """Forecast at some or all of the horizons the engine was built for, in batches of bounded size."""
        bars = check_horizons(horizons, self.spec)
        columns = [self._column(bar) for bar in bars]
        with as_users_error():
            made = self.engine.stream(engine_inputs(windows), num_samples, seed)
            parts = [part.samples[:, :, columns] for part in made]
        return dated_forecast(np.concatenate(parts), windows, self.spec, bars)

    def _column(self, bar: float) -> int:
        if bar not in self.engine.horizons:
            raise SSSDError(
                f"this engine was built for horizons {', '.join(map(str, self.engine.horizons))} (bars), not for"
                f" {bar:g}: export another with --horizons"
            )
        return self.engine.horizons.index(int(bar))


def engine_spec(manifest: Mapping[str, Any]) -> DataSpec:
    """Read the data specification of an engine.

    Raises:
        SSSDError: the manifest does not say it, or its graphs take something else.
    """
    try:
        spec = DataSpec.model_validate(manifest["spec"])
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SSSDError(f"the engine's manifest does not say what its data are: export anew ({reason})") from None
    shapes = {entry["name"]: entry["shape"][1:] for entry in manifest["inputs"] if entry["name"] not in NOISE}
    wanted: dict[str, list[int]] = {f"times_{tf.name}": [tf.lookback] for tf in spec.timeframes}
    wanted |= {f"values_{tf.name}": [tf.lookback, len(spec.columns)] for tf in spec.timeframes}
    if shapes != wanted:
        raise SSSDError("the engine's manifest does not fit its graphs, which take other windows: export anew")
    return spec


def last_windows(manifest: Mapping[str, Any], data: Data) -> dict[str, npt.NDArray[Any]]:
    """The last bars of every series of a frame or of its file, under the names that an engine takes.

    ``sssd_engine`` finds this by its entry point.

    Raises:
        SSSDError: unusable data: where, and what to do.
    """
    from sssd_registry.data.far_values import warn_of_far_values
    from sssd_registry.data.read_windows import read_windows
    from sssd_registry.data.windows import last_origins, windows_at

    spec = engine_spec(manifest)
    source = read_windows(data, spec)
    origins = last_origins(source, every=True)
    warn_of_far_values(source, origins)
    return engine_inputs(windows_at(source, origins))


def engine_inputs(windows: Windows) -> dict[str, npt.NDArray[Any]]:
    """Windows under the names an engine takes."""
    arrays: dict[str, npt.NDArray[Any]] = {f"values_{name}": array for name, array in windows.values.items()}
    return arrays | {f"times_{name}": array for name, array in windows.times.items()}
