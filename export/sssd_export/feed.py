"""What an engine is fed, checked against its manifest. Runtime half: numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_export.manifest import EngineError

_DTYPES = {"float64": np.float64, "float32": np.float32, "int64": np.int64}


def checked_inputs(manifest: Mapping[str, Any], inputs: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[Any]]:
    """The manifest's inputs but the noise, as arrays of their types.

    Raises:
        EngineError: one is missing, unknown, or has the wrong type or shape.
    """
    wanted = {entry["name"]: entry for entry in manifest["inputs"] if entry["name"] != "noise"}
    if set(inputs) != set(wanted):
        raise EngineError(f"the engine takes {', '.join(wanted)}; got {', '.join(inputs) or 'nothing'}")
    given = {name: np.asarray(inputs[name]) for name in wanted}
    first = next(iter(given.values()))
    windows = len(first) if first.ndim else 0
    feed: dict[str, npt.NDArray[Any]] = {}
    for name, array in given.items():
        dtype = _DTYPES[wanted[name]["dtype"]]
        check_array(name, array, dtype, (windows, *wanted[name]["shape"][1:]))
        feed[name] = array.astype(dtype, copy=False)
    return feed


def check_array(name: str, array: npt.NDArray[Any], dtype: type, shape: tuple[int, ...]) -> None:
    """Refuse what onnxruntime would take for something else: it broadcasts, and numpy casts dates to numbers."""
    if array.shape != shape:
        raise EngineError(f"{name} has shape {array.shape}; with {shape[0]} windows it has to be {shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise EngineError(f"{name} is {array.dtype}; it has to be {np.dtype(dtype)}")
