"""A model's tensors on disk: nothing is allocated that the file does not hold, and no number is taken that is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sssd_registry.config import ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import KNOWN, Windows
from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.storage.index import REMEDY
from sssd_registry.storage.memory import TooLarge, network_shapes

Shapes = dict[str, tuple[int, ...]]

# Parts that models did not have at first, each by its first tensor and the names of all: none of them, or all.
_DIRECT = "normalizer.direct."
_LATER = {
    "calibration.": ("calibration.",),
    f"{_DIRECT}known_center": tuple(
        _DIRECT + name for name in ("known_", "trunk_known", "trunk0_bias", "trunk1", "branch")
    ),
}
_FLOATS = ("F64", "F32", "F16", "BF16")
# The tensors of a file, and whatever else a head keeps that it does not save.
_BESIDE = 256 << 20
# How often a tensor is made and filled until it is what it starts as, and what else is made on the way.
_FILLS, _OTHERS = 50, 2_000


def read_network(spec: DataSpec, config: ModelConfig, file: Path, head: HeadSpec | None = None) -> SSSDNetwork:
    """Build the network and give it the weights in ``file``.

    The file's header says what it holds, and has to be just that network's: only then is anything built. ``head`` is
    in place of the plugin's that ``config`` names.

    Raises:
        SSSDError: the file is cut off, of another network, or holds numbers that are none.
    """
    found = tensor_shapes(file)
    try:
        most = file.stat().st_size + _BESIDE
        wanted = network_shapes(spec, config, most, _FILLS * len(found) + _OTHERS, head)
    except TooLarge as error:
        raise SSSDError(
            f"{file} does not fit its config.json, whose sizes ask for more than the file holds ({error}): {REMEDY}"
        ) from None
    if wanted is not None:
        _check_fit(found, wanted, file)
    network = make_network(spec, config, head)
    if wanted is None:
        _check_fit(found, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}, file)
    weights = load_tensors(file)
    check_numbers(weights, {name for name, _ in network.named_parameters()}, file)
    network.load_state_dict({**_since(network, weights), **weights})
    return network


def _since(network: SSSDNetwork, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that a file of before they were thought of does not have, as they begin: they then change nothing."""
    own = network.state_dict()
    return {name: own[name] for name in _later(own, weights) if name not in weights}


def _later(wanted: Iterable[str], found: Iterable[str]) -> set[str]:
    """Names of ``wanted`` that a file with those ``found`` may lack: of parts that it has nothing of."""
    names, there = list(wanted), list(found)
    lacking = [
        all_of_it
        for first, all_of_it in _LATER.items()
        if not any(name.startswith(first) for name in there) and any(name.startswith(first) for name in names)
    ]
    return {name for name in names if any(name.startswith(part) for part in lacking)}


def tensor_shapes(file: Path) -> Shapes:
    """Read the shapes of the tensors in a file of weights, by its header.

    Raises:
        SSSDError: it is missing, cut off, or holds anything but floating-point numbers.
    """
    header = read_header(file)
    for name, (kind, _) in header.items():
        if kind not in _FLOATS:
            raise SSSDError(f"{file} is damaged ({name[:100]} is of type {kind}): {REMEDY}")
    return {name: shape for name, (_, shape) in header.items()}


def read_header(file: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of every tensor in a safetensors file, which is as long as they are.

    Raises:
        SSSDError: it is missing or cut off.
    """
    try:
        if not file.is_file():
            raise FileNotFoundError
        with safe_open(file, "pt") as stream:
            slices = {name: stream.get_slice(name) for name in stream.keys()}  # noqa: SIM118 - it is no dictionary
            return {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    except FileNotFoundError:
        raise SSSDError(f"{file} is missing: {REMEDY}") from None
    except (SafetensorError, OSError, MemoryError) as error:
        raise SSSDError(f"{file} is cut off or damaged ({error}): {REMEDY}") from None


def load_tensors(file: Path, remedy: str = REMEDY) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        SSSDError: it is missing or cut off.
    """
    try:
        return load_file(file)
    except FileNotFoundError:
        raise SSSDError(f"{file} is missing: {remedy}") from None
    except (SafetensorError, OSError, MemoryError) as error:
        raise SSSDError(f"{file} is cut off or damaged ({error}): {remedy}") from None


def _check_fit(found: Shapes, wanted: Shapes, file: Path) -> None:
    later = _later(wanted, found)
    for name, shape in wanted.items():
        if name not in found and name in later:
            continue
        if name not in found:
            raise SSSDError(f"{file} does not fit its config.json (it lacks {name}): {REMEDY}")
        if found[name] != shape:
            raise SSSDError(
                f"{file} does not fit its config.json ({name} has shape {found[name]}, and {shape} is expected):"
                f" {REMEDY}"
            )
    more = next((name for name in found if name not in wanted), None)
    if more is not None:
        raise SSSDError(f"{file} does not fit its config.json ({more[:100]} belongs to no part of it): {REMEDY}")


def check_numbers(weights: Mapping[str, Tensor], parameters: set[str], where: object) -> None:
    """Refuse weights that cannot be a model's.

    A single tensor may well be zero: a head's last layer starts so.

    Raises:
        SSSDError: names the tensor that holds NaN or an infinity, or says that all parameters are zero.
    """
    for name, tensor in weights.items():
        bad = ~tensor.isfinite()
        if bad.any():
            kind = "NaN" if tensor.isnan().any() else "infinity"
            raise SSSDError(
                f"{where}: tensor {name} holds {kind} in {int(bad.sum())} of {tensor.numel()} places, so that no"
                f" forecast can come of it: {REMEDY}"
            )
    if parameters and not any(weights[name].any() for name in parameters):
        raise SSSDError(f"{where}: every parameter is zero, as in a file that was never filled: {REMEDY}")


def read_examples(file: Path, spec: DataSpec) -> Windows:
    """The windows kept with a model.

    Raises:
        SSSDError: the file is missing or cut off, or its arrays are not windows of ``spec``.
    """
    arrays = _read_arrays(file, spec)
    count = next(iter(arrays.values())).shape[0]
    for timeframe in spec.timeframes:
        lookback = (count, timeframe.lookback)
        for name, shape, dtype in (
            (f"values.{timeframe.name}", (*lookback, spec.width), np.float64),
            (f"times.{timeframe.name}", lookback, np.int64),
        ):
            array = arrays[name]
            if array.shape != shape or array.dtype != dtype or not count:
                raise SSSDError(
                    f"{file} does not fit its config.json ({name} is {array.dtype} of shape {array.shape}, and"
                    f" {np.dtype(dtype)} of shape {shape} is expected): {REMEDY}"
                )
            if dtype is np.int64 and count and (np.diff(array, axis=1) <= 0).any():
                raise SSSDError(f"{file} is damaged ({name} does not ascend): {REMEDY}")
    names = [timeframe.name for timeframe in spec.timeframes]
    values, times = ({name: arrays[f"{kind}.{name}"] for name in names} for kind in ("values", "times"))
    if spec.known:
        values[KNOWN] = _known_examples(arrays, file, spec, count)
    return Windows(values, times, np.full(count, "", dtype=object))


def _known_examples(arrays: Mapping[str, Any], file: Path, spec: DataSpec, count: int) -> Any:
    """Numbers known of the bars after the windows."""
    array, shape = arrays.get(f"values.{KNOWN}"), (count, max(spec.horizons), len(spec.known))
    if array is None or array.shape != shape or array.dtype != np.float64:
        raise SSSDError(f"{file} does not fit its config.json (values.{KNOWN} is not of shape {shape}): {REMEDY}")
    return array


def _read_arrays(file: Path, spec: DataSpec) -> dict[str, Any]:
    from safetensors.numpy import load_file as load_arrays

    try:
        arrays = load_arrays(file)  # numpy does not have all of the types that a file may name
    except FileNotFoundError:
        raise SSSDError(f"{file} is missing: {REMEDY}") from None
    except (
        SafetensorError,
        OSError,
        MemoryError,
        TypeError,
        ValueError,
        KeyError,
    ) as error:
        raise SSSDError(f"{file} is cut off or damaged ({error}): {REMEDY}") from None
    expected = {f"{kind}.{timeframe.name}" for timeframe in spec.timeframes for kind in ("values", "times")}
    expected |= {f"values.{KNOWN}"} if spec.known else set()
    if set(arrays) != expected:
        raise SSSDError(
            f"{file} does not fit its config.json (it holds {', '.join(sorted(arrays))[:200] or 'nothing'}, and"
            f" {', '.join(sorted(expected))[:200]} are expected): {REMEDY}"
        )
    return arrays


def windows_to_arrays(windows: Windows) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays that :func:`read_examples` reads; a window's series is not kept."""
    arrays: dict[str, np.ndarray[Any, Any]] = {f"values.{name}": array for name, array in windows.values.items()}
    arrays |= {f"times.{name}": array for name, array in windows.times.items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
