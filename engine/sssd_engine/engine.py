"""Running an engine: numpy and the runtime it was compiled for, no torch.

    engine = load_engine("engines/eurusd")
    forecast = engine({"values_1h": values, ..., "times_1h": times, ...}, num_samples=100, seed=0)
    forecast = engine(frame, num_samples=100, seed=0)  # the last bars of every series; this imports pandas
    forecast.quantiles  # (B, Q, K, C), data units
    forecast.to_frame()  # with times and ids

What the inputs are, names and shapes and units, is in ``engine.manifest["inputs"]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.conditioning import Conditioning, read_conditioning
from sssd_engine.encoded import Encoded
from sssd_engine.forecast import Asked, EngineForecast
from sssd_engine.input_given import Given, given_values
from sssd_engine.input_noise import check_whole, checked_noise, given_noise, is_whole, samples_of_noise
from sssd_engine.inputs import Inputs, checked_inputs, read_inputs
from sssd_engine.manifest import MANIFEST, EngineError, meaning, opened, read_manifest, sha256
from sssd_engine.noise import NoiseShape, draw_noise
from sssd_engine.origin import Origin
from sssd_engine.part import Part
from sssd_engine.runtimes import check_trust, open_part

__all__ = ["Encoded", "Engine", "EngineError", "EngineForecast", "load_engine"]

# Noise of one batch of a stream: enough to keep cores busy, and some tens of megabytes at most.
_AT_ONCE = 1 << 20
# Of one forecast; more would not come back in this life.
_MOST_SAMPLES = 10_000_000


class Engine:
    """A compiled forecaster. Stateless between calls, so it can be called from several threads at once.

    It can be pickled, and is then loaded from its folder again.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        parts: Sequence[Part],
        origin: Origin | None = None,
        conditioning: Conditioning | None = None,
    ) -> None:
        self.manifest = manifest
        self.parts = tuple(parts)
        self.origin = origin
        self.conditioning = conditioning

    def __reduce__(self) -> tuple[Any, ...]:
        if self.origin is None:
            raise EngineError("this engine is of no folder, and so cannot be pickled: save it, and load that")
        return _unpickled, (self.origin,)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the compiled graphs and their memory; the engine cannot be called any more."""
        self.parts = ()

    @property
    def horizons(self) -> tuple[int, ...]:
        """The K horizons it was built for, in bars."""
        return tuple(self.manifest["horizons"])

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """The Q levels of ``EngineForecast.quantiles``."""
        return tuple(self.manifest["quantile_levels"])

    @property
    def noise_shape(self) -> NoiseShape:
        """Numbers of noise that one sample takes."""
        shapes = {port["name"]: port["shape"] for port in self.manifest["inputs"]}
        points, channels = shapes["noise"][2:]
        draws = shapes.get("draws", ["windows", 0, "samples", 1, 1])
        return NoiseShape((points, channels), (draws[1], draws[3], draws[4]))

    def __call__(
        self,
        inputs: Inputs,
        num_samples: int | None = None,
        seed: int = 0,
        *,
        noise: npt.NDArray[np.float32] | None = None,
        draws: npt.NDArray[np.float32] | None = None,
        first_window: int = 0,
        given: Given | None = None,
    ) -> EngineForecast:
        """Forecast from B windows.

        Args:
            inputs: by the names and shapes in the manifest's ``inputs``, all but noise, in data units; or a frame
                with the training data's columns, or its CSV or Parquet file, whose B series are forecast from their
                last bars; those that cannot be are left out with a warning.
            num_samples: S; default: as exported.
            seed: gives the same noise as the same seed does in the eager pipeline.
            noise: what paths begin with, standard normal, float32 ``(B, S, P, C)``, instead of a seed.
            draws: with it, what the solver draws on its way, where it does, ``(B, M, S, K, D)``.
            first_window: number of the first window, when a batch is one part of a larger one.
            given: what is known of the future: by target its values at the K horizons, ``(K,)`` or ``(B, K)``, NaN
                where it is not; or ``(B, K, C)`` of all targets. Samples pass through it, as those of the model do.

        No windows give an empty forecast.

        Raises:
            EngineError: an input is missing, unknown, or has the wrong type or shape; a value is not finite, or not
                above zero where logarithms are taken; times do not ascend; no sample is asked for; the engine was
                closed, or is too old to be given anything of the future.
            SSSDError: a frame is unusable.
        """
        encoded = self.encode(inputs)
        return self.sample(encoded, num_samples, seed, noise=noise, draws=draws, first_window=first_window, given=given)

    def encode(self, inputs: Inputs) -> Encoded:
        """Run what of a forecast comes before its first noise, to be sampled from many times.

        With ``sssd-export build --split``, or ``--loop step``, that is all that the encoder does.

        Raises:
            EngineError: as when the engine is called.
        """
        read = read_inputs(self.manifest, inputs)
        feed = checked_inputs(self.manifest, read)
        windows = len(next(iter(feed.values())))
        done = next((at for at, part in enumerate(self._open()) if "noise" in part.inputs), 0)
        values = self._run(self.parts[:done], feed) if windows else feed
        return Encoded(windows, values, done, Asked(self.manifest, read))

    def sample(
        self,
        encoded: Encoded,
        num_samples: int | None = None,
        seed: int = 0,
        *,
        noise: npt.NDArray[np.float32] | None = None,
        draws: npt.NDArray[np.float32] | None = None,
        first_window: int = 0,
        given: Given | None = None,
    ) -> EngineForecast:
        """Forecast from what :meth:`encode` made; arguments and errors as when the engine is called."""
        parts = self._open()
        noise, draws = given_noise(noise, draws)
        count = self._count(num_samples if noise is None else samples_of_noise(noise, num_samples))
        check_whole("seed", seed)
        check_whole("first_window", first_window)
        future = None if given is None else given_values(given, self.manifest, encoded.windows)
        if future is not None and self.conditioning is None:
            raise EngineError("this engine keeps no correlation, and can be given nothing of the future: export anew")
        if encoded.windows == 0:  # runtimes differ in what they make of nothing; some end the process
            return self._nothing(count)
        try:
            if noise is None:
                own = encoded.asked.streams(encoded.windows) if encoded.asked else None
                noise, draws = draw_noise(
                    seed, first_window if own is None else own, encoded.windows, count, self.noise_shape
                )
            checked = checked_noise(noise, draws, encoded.windows, count, self.noise_shape)
            made = self._run(parts[encoded.done :], {**encoded.values, **checked})
            if future is not None and self.conditioning is not None:
                made["samples"] = self.conditioning.samples(made, future)
                made["quantiles"] = np.quantile(made["samples"], self.quantile_levels, axis=1).swapaxes(0, 1)
        except MemoryError:
            raise EngineError(
                f"no memory for {encoded.windows} windows of {count} samples: ask for fewer, or stream"
            ) from None
        return EngineForecast(made["samples"], made["quantiles"], encoded.asked)

    def _count(self, num_samples: int | None) -> int:
        """S, if it is a number of samples."""
        count = self.manifest["num_samples"] if num_samples is None else num_samples
        if not is_whole(count) or not 1 <= count <= _MOST_SAMPLES:
            raise EngineError(
                f"num_samples has to be a whole number, 1 or more and at most {_MOST_SAMPLES}, got {count!r}"
            )
        return int(count)

    def _nothing(self, count: int) -> EngineForecast:
        """The forecast of no windows."""
        targets = next(port["shape"][-1] for port in self.manifest["outputs"] if port["name"] == "samples")
        samples, quantiles = (
            np.empty((0, first, len(self.horizons), targets)) for first in (count, len(self.quantile_levels))
        )
        return EngineForecast(samples, quantiles)

    def stream(
        self, inputs: Inputs, num_samples: int | None = None, seed: int = 0, *, given: Given | None = None
    ) -> Iterator[EngineForecast]:
        """Forecast many windows, a batch at a time, so that memory is bounded whatever their number.

        The batches' forecasts one after the other are those of one call with all windows.

        Raises:
            EngineError: as when the engine is called.
        """
        count = self._count(num_samples)
        read = read_inputs(self.manifest, inputs)
        feed = checked_inputs(self.manifest, read)
        at_once = max(1, _AT_ONCE // (count * self.noise_shape.size))
        windows = len(next(iter(feed.values())))
        future = None if given is None else given_values(given, self.manifest, windows)
        for start in range(0, max(windows, 1), at_once):  # no windows give one empty forecast
            part = {name: array[start : start + at_once] for name, array in feed.items()}
            encoded = replace(self.encode(part), asked=Asked(self.manifest, read, start))
            known = None if future is None else future[start : start + at_once]
            yield self.sample(encoded, count, seed, first_window=start, given=known)

    def _open(self) -> tuple[Part, ...]:
        if not self.parts:
            raise EngineError("this engine was closed: load it again")
        if self.origin is not None:
            self.origin.check_fork(self.manifest["parts"])
        return self.parts

    def check_open(self) -> None:
        """Check that the engine was not closed, nor loaded before a fork: an EngineError says so."""
        self._open()

    @staticmethod
    def _run(parts: Sequence[Part], values: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        known = dict(values)
        for part in parts:
            known |= part({name: known[name] for name in part.inputs})
        return known


def load_engine(folder: str | Path, *, threads: int = 0, trust_native_code: bool | None = None) -> Engine:
    """Load an engine folder, after checking that every file is the one that was exported.

    Args:
        folder: as written by ``sssd-export``.
        threads: of one call; 0 lets the runtime take the machine's cores. They sleep between calls and never spin.
        trust_native_code: engines of machine code (target ``torch-aot``), which runs with all your rights, may be
            loaded; None: if the environment variable ``SSSD_TRUST_NATIVE_CODE`` is 1.

    Raises:
        EngineError: not an engine folder, an engine for a runtime that is not here or of code that nobody said to
            trust, or a file was changed.
    """
    check_whole("threads", threads)
    place = Path(folder).absolute()
    with opened(Path(folder)) as settled:
        manifest, parts = _opened(settled, threads, trust_native_code)
        options = (("threads", threads), ("trust_native_code", trust_native_code))
        origin = Origin(place, options, sha256(settled / MANIFEST))
        return Engine(manifest, parts, origin, read_conditioning(settled, manifest))


def _opened(folder: Path, threads: int, trust_native_code: bool | None) -> tuple[Mapping[str, Any], list[Part]]:
    manifest = read_manifest(folder)
    if not manifest.get("parts"):
        raise EngineError(f"{folder} is an engine of target {manifest['target']!r}, whose own plugin has to load it")
    check_trust(folder, manifest, trust_native_code)
    parts = [open_part(folder, entry, threads) for entry in manifest["parts"]]
    if any(getattr(part, "meaning", "") not in ("", meaning(manifest)) for part in parts):
        raise EngineError(f"{folder}/{MANIFEST} is not that of its graphs, which were built for something else")
    return manifest, parts


def _unpickled(origin: Origin) -> Engine:
    """The engine again, in another process."""
    origin.check_unchanged()
    return load_engine(origin.folder, **dict(origin.options))
