"""Forecast of an engine: samples and quantiles; where sssd-registry is installed too, a table with times and ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.inputs import last_windows
from sssd_engine.manifest import EngineError


@dataclass(frozen=True, eq=False)
class Asked:
    """Inputs that a forecast was made from.

    Attributes:
        manifest: the engine's.
        inputs: arrays by their names, as they were given or as they were read from a frame.
        first: which of their windows is the forecast's first.
    """

    manifest: Mapping[str, Any]
    inputs: Mapping[str, Any]
    first: int = 0

    def streams(self, windows: int) -> list[int] | None:
        """Numbers of the noise of so many windows of series, each one's own; None of windows that are just arrays."""
        own = getattr(self.inputs, "streams", None)
        return None if own is None else [int(number) for number in own[self.first : self.first + windows]]


@dataclass(frozen=True)
class EngineForecast:
    """Forecast of an engine, in data units.

    Attributes:
        samples: float64 ``(B, S, K, C)``.
        quantiles: float64 ``(B, Q, K, C)``, at ``Engine.quantile_levels``.
        asked: what it was made from, for :attr:`series` and :meth:`to_frame`.
    """

    samples: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]
    asked: Asked | None = field(default=None, repr=False, compare=False)

    @property
    def series(self) -> npt.NDArray[np.object_]:
        """The id of each window's series, object ``(B,)``; ``""`` of arrays, and of a frame without ids."""
        windows = len(self.samples)
        known = getattr(self.asked.inputs, "series", None) if self.asked else None
        if known is None or self.asked is None:
            return np.full(windows, "", dtype=object)
        return np.asarray(known[self.asked.first : self.asked.first + windows], dtype=object)

    def to_frame(self, levels: Sequence[float] | None = None) -> Any:
        """One row for each (window, horizon, target), as ``Forecast.to_frame`` of sssd-registry has them.

        Columns: the id (if there are ids), ``origin``, ``horizon`` (bars), the time, ``target``, ``mean``, and a
        column for each quantile. Windows that were given as arrays are numbered where the model's data have ids. The
        frame is of pandas, or of the library that the data's frame was of.

        Args:
            levels: of the quantiles; default: 0.05 to 0.95.

        Raises:
            EngineError: sssd-registry is not installed.
        """
        made = self._with_times()
        return made.to_frame() if levels is None else made.to_frame(levels)

    def paths_frame(self) -> Any:
        """One row for each (window, sample, horizon, target), as ``Forecast.paths_frame`` of sssd-registry has them.

        Raises:
            EngineError: sssd-registry is not installed.
        """
        return self._with_times().paths_frame()

    def _with_times(self) -> Any:
        """The forecast as sssd-registry's own class."""
        if self.asked is None:
            raise EngineError("these samples are of no engine's call, so that their times are not known")
        inputs: Any = self.asked.inputs
        if getattr(inputs, "forecast", None) is None:
            inputs = last_windows(self.asked.manifest, inputs)
        return inputs.forecast(self.samples, self.asked.first)
