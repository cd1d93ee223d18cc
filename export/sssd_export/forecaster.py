"""An engine behind the core's face, so that every command takes one wherever it takes a model."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.engine import Engine, load_engine
from sssd_engine.noise import NOISE
from sssd_export.engine_errors import as_users_error
from sssd_registry.data.origins import Origins
from sssd_registry.data.other_frames import Data
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN, Windows, WindowSource
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import check_horizons, dated_forecast, forecast_of_series

Array = npt.NDArray[np.float64]


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
        return self._forecast(windows, horizons, num_samples, seed)

    def forecast_given(
        self, windows: Windows, *, horizons: Sequence[float | str], num_samples: int, seed: int, given: Array
    ) -> Forecast:
        """Forecast given a part of the future, ``(B, K, C)`` at these horizons, NaN where nothing is."""
        return self._forecast(windows, horizons, num_samples, seed, given)

    def _forecast(
        self,
        windows: Windows,
        horizons: Sequence[float | str] | None,
        num_samples: int,
        seed: int,
        given: Array | None = None,
    ) -> Forecast:
        bars = check_horizons(horizons, self.spec)
        columns = [self._column(bar) for bar in bars]
        future = None
        if given is not None:
            future = np.full((len(windows), len(self.engine.horizons), len(self.spec.targets)), np.nan)
            future[:, columns] = given
        with as_users_error():
            whole = without_holes(windows, self.spec)
            made = self.engine.stream(engine_inputs(whole, self.engine.horizons), num_samples, seed, given=future)
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
    wanted |= {f"values_{tf.name}": [tf.lookback, spec.width] for tf in spec.timeframes}
    if spec.known:
        wanted[f"values_{KNOWN}"] = [max(manifest["horizons"]), len(spec.known)]
    if shapes != wanted:
        raise SSSDError("the engine's manifest does not fit its graphs, which take other windows: export anew")
    return spec


class EngineInputs(dict[str, npt.NDArray[Any]]):
    """Windows under the names that an engine takes; what is known ahead as far as its ``horizons``.

    Of bars that are not asked for nothing needs to be known: 0 stands for it.

    Attributes:
        windows: the same as the core has them.
        series: object ``(B,)``, the id of each window's series.
        streams: uint64 ``(B,)``, number of each window's noise; None for its position.
    """

    def __init__(self, windows: Windows, horizons: Sequence[int] = ()) -> None:
        arrays: dict[str, npt.NDArray[Any]] = {f"values_{name}": array for name, array in windows.values.items()}
        if KNOWN in windows.values:
            known = windows.values[KNOWN][:, : max(horizons, default=None)]
            arrays[f"values_{KNOWN}"] = np.nan_to_num(known)
        super().__init__(arrays | {f"times_{name}": array for name, array in windows.times.items()})
        self.windows, self.series, self.streams = windows, windows.series, windows.streams


class DatedInputs(EngineInputs):
    """Inputs that give an engine's forecast its times and ids.

    Args:
        windows: the inputs.
        spec: of the engine's data, with the engine's horizons.
        ends: where in which series the windows end, if they are the last ones of whole series.
    """

    def __init__(self, windows: Windows, spec: DataSpec, ends: tuple[WindowSource, Origins] | None = None) -> None:
        super().__init__(windows, spec.horizons)
        self._spec, self._ends = spec, ends

    def forecast(self, samples: npt.NDArray[np.float64], first: int = 0) -> Forecast:
        """Samples ``(B, S, K, C)`` of the windows from ``first`` on, with their times and ids."""
        windows = self.windows.part(first, first + len(samples))
        made = dated_forecast(samples, windows, self._spec, self._spec.horizons)
        if self._ends is None:
            return made
        source, origins = self._ends
        return forecast_of_series(made, source, origins.take(slice(first, first + len(samples))))


def last_windows(manifest: Mapping[str, Any], data: Data | Mapping[str, npt.ArrayLike]) -> DatedInputs:
    """The last bars of every series of a frame or of its file, under the names that an engine takes.

    ``sssd_engine`` finds this by its entry point. Arrays under these names are given back with what they lack: times
    of a forecast, and numbers for ids where the model's data have ids.

    Raises:
        SSSDError: unusable data: where, and what to do.
    """
    from sssd_registry.data.end_windows import end_windows
    from sssd_registry.data.read_windows import read_windows

    spec = engine_spec(manifest).model_copy(update={"horizons": tuple(manifest["horizons"])})
    if isinstance(data, Mapping):
        return DatedInputs(_as_windows(data, spec), spec)
    source = read_windows(data, spec)
    windows, origins = end_windows(source, max(spec.horizons))
    return DatedInputs(without_holes(windows, spec), spec, (source, origins))


def without_holes(windows: Windows, spec: DataSpec) -> Windows:
    """Fill missing values as the model does, for an engine that knows of none."""
    if spec.holes or not any(np.isnan(array).any() for array in windows.values.values()):
        return windows
    from sssd_registry.model.batches import raw_tensors
    from sssd_registry.model.fill_holes import fill_raw

    filled = fill_raw(raw_tensors(windows)[0], spec)
    return replace(windows, values={name: tensor.numpy() for name, tensor in filled.items()})


def _as_windows(arrays: Mapping[str, npt.ArrayLike], spec: DataSpec) -> Windows:
    if isinstance(arrays, EngineInputs):
        return arrays.windows
    names = [*(tf.name for tf in spec.timeframes), *([KNOWN] if spec.known else [])]
    values = {name: np.asarray(arrays[f"values_{name}"], dtype=np.float64) for name in names}
    times = {tf.name: np.asarray(arrays[f"times_{tf.name}"], dtype=np.int64) for tf in spec.timeframes}
    numbered = [str(number) if spec.id else "" for number in range(len(times[spec.base.name]))]
    ids = getattr(arrays, "series", numbered)
    return Windows(values, times, np.array(ids, dtype=object))


def engine_inputs(windows: Windows, horizons: Sequence[int] = ()) -> EngineInputs:
    """Windows under the names an engine takes; what is known ahead as far as its ``horizons``."""
    return EngineInputs(windows, horizons)
