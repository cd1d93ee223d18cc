"""Running an engine: numpy and onnxruntime, no torch.

    engine = load_engine("engines/eurusd")
    forecast = engine({"values_1h": values, ..., "times_1h": times, ...}, num_samples=100, seed=0)
    forecast.quantiles  # (B, Q, K, C), data units

What the inputs are, names and shapes and units, is in ``engine.manifest["inputs"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from sssd_export.manifest import EngineError, read_manifest

__all__ = ["Engine", "EngineError", "EngineForecast", "load_engine"]

_DTYPES = {"float64": np.float64, "float32": np.float32, "int64": np.int64}


@dataclass(frozen=True)
class EngineForecast:
    """What an engine answers, in data units.

    Attributes:
        samples: float64 ``(B, S, K, C)``.
        quantiles: float64 ``(B, Q, K, C)``, at ``Engine.quantile_levels``.
    """

    samples: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]


class Engine:
    """A compiled forecaster. Stateless between calls, so it can be called from several threads at once."""

    def __init__(self, manifest: Mapping[str, Any], session: onnxruntime.InferenceSession) -> None:
        self.manifest = manifest
        self.session = session

    @property
    def horizons(self) -> tuple[int, ...]:
        """The K horizons it was built for, in bars."""
        return tuple(self.manifest["horizons"])

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """The Q levels of ``EngineForecast.quantiles``."""
        return tuple(self.manifest["quantile_levels"])

    def __call__(
        self,
        inputs: Mapping[str, npt.ArrayLike],
        num_samples: int | None = None,
        seed: int = 0,
        *,
        noise: npt.NDArray[np.float32] | None = None,
        first_window: int = 0,
    ) -> EngineForecast:
        """Forecast from B windows.

        Args:
            inputs: by the names and shapes in the manifest's ``inputs``, all but ``noise``, in data units.
            num_samples: S; default: as exported.
            seed: gives the same noise as the same seed does in the eager pipeline.
            noise: standard normal, float32 ``(num_noises, B, S, K, D)``, instead of a seed.
            first_window: number of the first window, when a batch is one part of a larger one.

        Raises:
            EngineError: an input is missing, unknown, or has the wrong type or shape; no sample is asked for.
        """
        feed = self._checked(inputs)
        windows = len(next(iter(feed.values())))
        if noise is not None:
            num_samples = noise.shape[2] if noise.ndim == 5 else None
        count = int(self.manifest["num_samples"]) if num_samples is None else num_samples
        if count < 1:
            raise EngineError(f"num_samples has to be 1 or more, got {count}")
        shape = (self.manifest["num_noises"], count, len(self.horizons), self.manifest["latent_size"])
        if noise is None:
            noise = draw_noise(seed, first_window, windows, shape)
        _check("noise", noise, np.float32, (shape[0], windows, *shape[1:]))
        samples, quantiles = self.session.run(["samples", "quantiles"], {**feed, "noise": noise})
        return EngineForecast(samples, quantiles)

    def _checked(self, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[Any]]:
        wanted = {entry["name"]: entry for entry in self.manifest["inputs"] if entry["name"] != "noise"}
        if set(inputs) != set(wanted):
            raise EngineError(f"the engine takes {', '.join(wanted)}; got {', '.join(inputs) or 'nothing'}")
        given = {name: np.asarray(inputs[name]) for name in wanted}
        first = next(iter(given.values()))
        windows = len(first) if first.ndim else 0
        feed: dict[str, npt.NDArray[Any]] = {}
        for name, array in given.items():
            dtype = _DTYPES[wanted[name]["dtype"]]
            _check(name, array, dtype, (windows, *wanted[name]["shape"][1:]))
            feed[name] = array.astype(dtype, copy=False)
        return feed


def _check(name: str, array: npt.NDArray[Any], dtype: type, shape: tuple[int, ...]) -> None:
    """Refuse what onnxruntime would take for something else: it broadcasts, and numpy casts dates to numbers."""
    if array.shape != shape:
        raise EngineError(f"{name} has shape {array.shape}; with {shape[name == 'noise']} windows it has to be {shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise EngineError(f"{name} is {array.dtype}; it has to be {np.dtype(dtype)}")


def load_engine(folder: str | Path, *, threads: int = 0) -> Engine:
    """Load an engine folder, after checking that every file is the one that was exported.

    Args:
        folder: as written by ``sssd-export``.
        threads: of one call; 0 lets onnxruntime take the machine's cores.

    Raises:
        EngineError: not an engine folder, an engine for another runtime, or a file was changed.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest.get("runtime") != "onnxruntime":
        raise EngineError(f"{folder} is an engine of target {manifest['target']!r}, which onnxruntime does not run")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(folder / manifest["graph"]), sess_options=options, providers=["CPUExecutionProvider"]
    )
    return Engine(manifest, session)


def draw_noise(
    seed: int, first_window: int, num_windows: int, shape: tuple[int, int, int, int]
) -> npt.NDArray[np.float32]:
    """The noise that ``seed`` stands for: float32 ``(num_noises, B, S, K, D)``, ``shape`` without B.

    The same as the eager pipeline's ``sssd_registry.noise.draw_noise``, which is not imported here: an engine
    runs without the project (a test holds the two together).
    """
    streams = [np.random.default_rng([seed, first_window + index]) for index in range(num_windows)]
    return np.stack([stream.standard_normal(shape, dtype=np.float32) for stream in streams], axis=1)
