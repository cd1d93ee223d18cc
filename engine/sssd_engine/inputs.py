"""Inputs of an engine, checked against its manifest: arrays, or a frame where what reads frames is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sssd_engine.input_times import check_times
from sssd_engine.manifest import EngineError
from sssd_engine.noise import NOISE

if TYPE_CHECKING:
    import pandas as pd

# Arrays by their names in the manifest, or a frame, or its file.
Inputs: TypeAlias = "Mapping[str, npt.ArrayLike] | pd.DataFrame | str | Path"

_DTYPES = {"float64": np.float64, "float32": np.float32, "int64": np.int64}


def read_inputs(manifest: Mapping[str, Any], inputs: Inputs) -> Any:
    """``inputs``, or of a frame or file what :func:`last_windows` makes of it.

    Raises:
        EngineError: nobody reads frames here.
        SSSDError: a frame is unusable.
    """
    frame = not isinstance(inputs, Mapping) and (isinstance(inputs, str | Path) or hasattr(type(inputs), "columns"))
    return last_windows(manifest, inputs) if frame else inputs


def checked_inputs(manifest: Mapping[str, Any], inputs: Any) -> dict[str, npt.NDArray[Any]]:
    """The manifest's inputs but the noise, as :func:`read_inputs` gives them, as arrays of their types.

    Raises:
        EngineError: one is missing, unknown, or has the wrong type or shape.
    """
    wanted = {entry["name"]: entry for entry in manifest["inputs"] if entry["name"] not in NOISE}
    if not isinstance(inputs, Mapping):
        raise EngineError(f"the engine takes a frame, its file, or {', '.join(wanted)}; got {type(inputs).__name__}")
    if set(inputs) != set(wanted):
        raise EngineError(f"the engine takes {', '.join(wanted)}; got {', '.join(inputs) or 'nothing'}")
    try:
        given = {name: np.asarray(inputs[name]) for name in wanted}
    except (ValueError, TypeError) as error:  # of rows of several lengths
        raise EngineError(f"the inputs are no arrays: {error}") from None
    first = next(iter(given.values()))
    windows = len(first) if first.ndim else 0
    feed: dict[str, npt.NDArray[Any]] = {}
    for name, array in given.items():
        dtype = _DTYPES[wanted[name]["dtype"]]
        check_array(name, array, dtype, (windows, *wanted[name]["shape"][1:]))
        feed[name] = array.astype(dtype, copy=False)
        if not name.startswith("times_"):
            check_values(name, feed[name], manifest)
    check_times(feed, manifest)
    return feed


def check_values(name: str, values: npt.NDArray[Any], manifest: Mapping[str, Any]) -> None:
    """Check for numbers, above zero where the engine takes their logarithms.

    Args:
        name: what to call them.
        values: float64 ``(B, L, W)``.
        manifest: the engine's.

    Raises:
        EngineError: one is not.
    """
    spec = manifest.get("spec", {})
    columns = len(spec.get("columns", ()))
    if name == "values_known" or values.shape[-1] > columns > 0:
        known = values if name == "values_known" else values[..., columns:]
        _refuse(name, ~np.isfinite(known), "is {}, and is known ahead: it has to be a finite number", known, {})
    if name == "values_known":
        return
    values = values[..., :columns] if columns else values
    if spec.get("holes"):  # the model knows of missing values
        _refuse(
            name, np.isinf(values), "is {}, and has to be a finite number, or NaN where it is missing", values, manifest
        )
    else:
        _refuse(name, ~np.isfinite(values), "is {}, and has to be a finite number", values, manifest)
    if spec.get("target_kind") in ("log-return", "price"):
        prices = np.array([role != "volume" for role in spec["roles"]])
        _refuse(name, (values <= 0) & prices, "is {}; of a model of log-returns it has to be above 0", values, manifest)
    for target, (low, high) in zip(spec.get("targets", ()), spec.get("bounds", ()), strict=False):
        outside = np.zeros(values.shape, dtype=np.bool_)
        column = spec["columns"].index(target)
        cells = values[..., column]
        outside[..., column] = (cells < (-np.inf if low is None else low)) | (
            cells > (np.inf if high is None else high)
        )
        ends = f"{'-inf' if low is None else low} to {'inf' if high is None else high}"
        _refuse(name, outside, f"is {{}}, outside of its bounds, {ends}", values, manifest)


def _refuse(
    name: str, wrong: npt.NDArray[Any], what: str, values: npt.NDArray[Any], manifest: Mapping[str, Any]
) -> None:
    if not wrong.any():
        return
    window, bar, column = (int(index) for index in np.argwhere(wrong)[0])
    columns = manifest.get("spec", {}).get("columns", {})
    label = f" ({columns[column]})" if columns else ""
    raise EngineError(f"{name}[{window}, {bar}, {column}]{label} {what.format(values[window, bar, column])}")


def last_windows(manifest: Mapping[str, Any], data: Inputs) -> Any:
    """The last bars of every series of a frame or of its file, under the names that the engine takes.

    Whoever reads frames says so by an entry point of the group ``sssd_engine``: sssd-registry, where it is installed.
    What it makes is a mapping of arrays, which may have more: ``series``, the ids; ``streams``, numbers of the windows'
    noise; and ``forecast(samples, first)``, which gives samples their times. Arrays as ``data`` get these too.

    Raises:
        EngineError: nobody does.
        SSSDError: unusable data: where, and what to do.
    """
    for point in entry_points(group="sssd_engine", name="last_windows"):
        return point.load()(manifest, data)
    raise EngineError("frames and times are what sssd-registry knows: pip install it, or keep to arrays")


def check_array(name: str, array: npt.NDArray[Any], dtype: type, shape: tuple[int, ...]) -> None:
    """Refuse what onnxruntime would take for something else: it broadcasts, and numpy casts dates to numbers."""
    if array.shape != shape:
        raise EngineError(f"{name} has shape {array.shape}; with {shape[0]} windows it has to be {shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise EngineError(f"{name} is {array.dtype}; it has to be {np.dtype(dtype)}")
