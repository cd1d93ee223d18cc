"""What the model sees at one forecast origin: the last complete bars of every timeframe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Windows:
    """B windows of raw bars, in data units, as the encoder and the engine take them.

    The last row of the base (finest) timeframe is the origin: the last bar that is known.

    Attributes:
        values: timeframe name -> float64 ``(B, L_tf, V)``, columns in the order of ``DataSpec.columns``.
        times: timeframe name -> int64 ``(B, L_tf)``, start of each bar, seconds since 1970 UTC.
        series: object ``(B,)``, the id of each window's series (``""`` in a frame without ids).
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    times: Mapping[str, npt.NDArray[np.int64]]
    series: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.series)
