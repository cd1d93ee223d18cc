"""Openers of an engine's parts: ONNX Runtime, OpenVINO, TensorRT or torch, each imported only when one asks for it."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sssd_engine.manifest import EngineError
from sssd_engine.nvidia import why_no_gpu
from sssd_engine.part import OnnxPart, Part, one_line, onnx_session
from sssd_engine.solver_loop import SolverLoop

TRUST = "SSSD_TRUST_NATIVE_CODE"
# Runtimes whose graphs are machine code.
_NATIVE = ("torch-aot",)
_ALIKE = ("float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool")
_TYPES = {"float64": "tensor(double)", "float32": "tensor(float)", **{name: f"tensor({name})" for name in _ALIKE}}


def open_part(folder: Path, entry: Mapping[str, Any], threads: int) -> Part:
    """Open one of a manifest's ``parts``.

    Raises:
        EngineError: an unknown runtime, one that is not installed, or one that cannot run here.
    """
    opened = _RUNTIMES.get(entry["runtime"])
    if opened is None:
        raise EngineError(f"{folder} is for the runtime {entry['runtime']!r}, which this version does not know")
    part = opened(folder / entry["graph"], entry, threads)
    if set(part.inputs) != {port["name"] for port in entry["inputs"]}:
        raise EngineError(f"{folder}/{entry['graph']} takes other inputs than the manifest says: export anew")
    return SolverLoop(part, entry["solver"]) if "solver" in entry else part


def _open_onnxruntime(file: Path, entry: Mapping[str, Any], threads: int) -> Part:
    session = onnx_session(file, threads, "CPUExecutionProvider")
    for side, values in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        seen = {value.name: (value.type, _sizes(value.shape)) for value in values}
        if seen != {port["name"]: (_TYPES.get(port["dtype"]), _sizes(port["shape"])) for port in entry[side]}:
            raise EngineError(f"{file} has other {side} than the manifest says: export anew")
    return OnnxPart(session)


def _sizes(shape: Sequence[Any]) -> list[int | None]:
    """Sizes that are numbers; those that are not have names, which ONNX Runtime may simplify."""
    return [size if isinstance(size, int) else None for size in shape]


def _open_onnx_cuda(file: Path, _entry: Mapping[str, Any], threads: int) -> Part:
    if reason := why_no_gpu():
        raise EngineError(f"{file} needs an NVIDIA GPU to run: {reason}")
    from sssd_engine.onnx_cuda_part import open_onnx_cuda

    return open_onnx_cuda(file, threads)


def _open_openvino(file: Path, entry: Mapping[str, Any], threads: int) -> Part:
    try:
        from sssd_engine.openvino_part import open_openvino
    except ImportError as error:
        raise EngineError(f"{file} needs OpenVINO: pip install 'sssd-engine[openvino]' ({error})") from None
    with one_line(f"{file} is no graph that OpenVINO takes"):
        return open_openvino(file, entry, threads)


def _open_torch_aot(file: Path, entry: Mapping[str, Any], _threads: int) -> Part:
    try:
        from sssd_engine.torch_aot_part import open_torch_aot
    except ImportError as error:
        raise EngineError(f"{file} needs torch: pip install 'sssd-engine[torch-aot]' ({error})") from None
    with one_line(f"{file} is no package that torch takes"):
        return open_torch_aot(file, entry)


def check_trust(folder: Path, manifest: Mapping[str, Any], trust_native_code: bool | None) -> None:
    """Check that whoever loads an engine of machine code has said that it may run.

    Args:
        folder: the engine's.
        manifest: its manifest.
        trust_native_code: what was said; None leaves it to the environment variable ``SSSD_TRUST_NATIVE_CODE=1``.

    Raises:
        EngineError: it has not.
    """
    trusted = os.environ.get(TRUST) == "1" if trust_native_code is None else trust_native_code
    native = [part["graph"] for part in manifest["parts"] if part["runtime"] in _NATIVE]
    if native and trusted is not True:
        raise EngineError(
            f"{folder}/{native[0]} is machine code, which can do all that you can: if you trust who built it,"
            f" load_engine(…, trust_native_code=True), or set {TRUST}=1 for commands"
        )


def _open_tensorrt(module: str, extra: str, file: Path, _entry: Mapping[str, Any], _threads: int) -> Part:
    if reason := why_no_gpu():
        raise EngineError(f"{file} needs an NVIDIA GPU to run: {reason}")
    try:
        trt = importlib.import_module(module)
        from sssd_engine.tensorrt_part import open_tensorrt
    except ImportError as error:
        raise EngineError(f"{file} needs {module}: pip install 'sssd-engine[{extra}]' ({error})") from None
    with one_line(f"{file} is no plan that {module} takes"):
        return open_tensorrt(trt, file)


# Names in a manifest mean these functions and nothing else: nothing in an engine folder is imported by name.
_RUNTIMES: Mapping[str, Callable[[Path, Mapping[str, Any], int], Part]] = {
    "onnxruntime": _open_onnxruntime,
    "onnxruntime-cuda": _open_onnx_cuda,
    "openvino": _open_openvino,
    "torch-aot": _open_torch_aot,
    "tensorrt": functools.partial(_open_tensorrt, "tensorrt", "tensorrt"),
    "tensorrt-rtx": functools.partial(_open_tensorrt, "tensorrt_rtx", "tensorrt-rtx"),
}
