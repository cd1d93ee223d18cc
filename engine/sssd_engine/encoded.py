"""Windows on which an engine's first parts were run, to be sampled from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from sssd_engine.forecast import Asked


@dataclass(frozen=True)
class Encoded:
    """B windows on which an engine's first parts were run.

    Attributes:
        windows: B.
        values: what they made.
        done: how many parts that were.
        asked: what they were made from.
    """

    windows: int
    values: Mapping[str, npt.NDArray[Any]]
    done: int
    asked: Asked | None = None
