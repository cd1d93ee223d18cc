"""What runs one part of an engine: ONNX Runtime, OpenVINO or TensorRT, each behind the same face.

Runtime half: numpy, and of the three only what the engine at hand needs.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sssd_engine.manifest import EngineError
from sssd_engine.nvidia import why_no_gpu

Array = npt.NDArray[Any]
Values = Mapping[str, Array]


# It takes a float64 number for 0 where, as a float32, it is: a guard of 1e-300 would be gone.
DISABLED_OPTIMISERS = ["NoopElimination"]
# Key of an ONNX graph's metadata.
MEANING = "sssd.meaning"
_FATAL = 4
_ALIKE = ("float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool")
_TYPES = {"float64": "tensor(double)", "float32": "tensor(float)", **{name: f"tensor({name})" for name in _ALIKE}}


class Part(Protocol):
    """A compiled graph. Can be called from several threads at once."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes."""

    def __call__(self, feed: Values) -> dict[str, Array]:
        """Outputs by name."""


class OnnxPart:
    """A graph that ONNX Runtime runs.

    Attributes:
        meaning: what its manifest's :func:`~sssd_engine.manifest.meaning` was when it was built; empty of old ones.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.meaning = str(session.get_modelmeta().custom_metadata_map.get(MEANING, ""))
        self.inputs = tuple(value.name for value in session.get_inputs())
        self.outputs = [value.name for value in session.get_outputs()]

    def __call__(self, feed: Values) -> dict[str, Array]:
        with _one_line("ONNX Runtime cannot run this engine"):
            return dict(zip(self.outputs, self.session.run(self.outputs, dict(feed)), strict=True))


class SolverLoop:
    """A head's single call, repeated as a tableau says; the loop is here and not in a graph.

    Args:
        step: takes ``z``, ``t`` and what was prepared, gives ``output``.
        solver: ``timesteps`` and ``updates`` of the tableau, and whether ``t`` is one number or one for each sample.
    """

    def __init__(self, step: Part, solver: Mapping[str, Any]) -> None:
        self.step, self.solver = step, solver
        self.prepared = tuple(name for name in step.inputs if name not in ("z", "t"))
        self.inputs = ("noise", *self.prepared)

    def __call__(self, feed: Values) -> dict[str, Array]:
        noise, ready = feed["noise"], {name: feed[name] for name in self.prepared}
        takes_time = "t" in self.step.inputs
        shape = (1, 1) if self.solver["one_time"] else noise.shape[0:3:2]
        sources: dict[str, Any] = {"state": [], "output": [], "noise": noise.swapaxes(0, 1)}
        first, *updates = self.solver["updates"]
        state = _combine(first, sources)
        for timestep, update in zip(self.solver["timesteps"], updates, strict=True):
            values = {**ready, "z": state}
            if takes_time:
                values["t"] = np.full(shape, timestep, dtype=np.float32)
            output = self.step(values)["output"]
            sources["state"] = [state, *sources["state"]][: self.solver["memory"]]
            sources["output"] = [output, *sources["output"]][: self.solver["memory"]]
            state = _combine(update, sources)
        return {"latents": state}


def _combine(update: Any, sources: Mapping[str, Any]) -> Array:
    """The weighted sum that an update, ``[[source, index, weight], …]``, is."""
    (source, index, weight), *rest = update
    total: Array = sources[source][index] * np.float32(weight)
    for source, index, weight in rest:
        total += sources[source][index] * np.float32(weight)
    return total


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


def onnx_session(file: Path, threads: int, provider: Any) -> Any:
    """A session of ONNX Runtime; ``provider`` is a name, or a name with options.

    From memory: a graph that has no place finds no files beside it, or anywhere, to read weights from.

    Raises:
        EngineError: it does not take the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _FATAL  # errors are raised, in one line
    with _one_line(f"{file} is no graph that ONNX Runtime takes"):
        return onnxruntime.InferenceSession(
            file.read_bytes(),
            sess_options=options,
            providers=[provider],
            disabled_optimizers=DISABLED_OPTIMISERS,
            enable_fallback=0,  # it would print what went wrong, and try the same again
        )


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Runtimes raise errors of their own kinds, some pages long."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        text = "".join(char if char.isprintable() else "?" for char in " ".join(str(error).split()))
        raise EngineError(f"{what}: {text[:300]}") from error


def _open_onnx_cuda(file: Path, _entry: Mapping[str, Any], threads: int) -> Part:
    if reason := why_no_gpu():
        raise EngineError(f"{file} needs an NVIDIA GPU to run: {reason}")
    from sssd_engine.onnx_cuda_part import open_onnx_cuda

    return open_onnx_cuda(file, threads)


def _open_openvino(file: Path, entry: Mapping[str, Any], threads: int) -> Part:
    try:
        from sssd_engine.openvino_part import open_openvino
    except ImportError as error:
        raise EngineError(f"{file} needs OpenVINO: pip install 'sssd-registry[openvino]' ({error})") from None
    with _one_line(f"{file} is no graph that OpenVINO takes"):
        return open_openvino(file, entry, threads)


def _open_tensorrt(module: str, extra: str, file: Path, _entry: Mapping[str, Any], _threads: int) -> Part:
    if reason := why_no_gpu():
        raise EngineError(f"{file} needs an NVIDIA GPU to run: {reason}")
    try:
        trt = importlib.import_module(module)
        from sssd_engine.tensorrt_part import open_tensorrt
    except ImportError as error:
        raise EngineError(f"{file} needs {module}: pip install 'sssd-registry[{extra}]' ({error})") from None
    with _one_line(f"{file} is no plan that {module} takes"):
        return open_tensorrt(trt, file)


# Names in a manifest mean these functions and nothing else: nothing in an engine folder is imported by name.
_RUNTIMES: Mapping[str, Callable[[Path, Mapping[str, Any], int], Part]] = {
    "onnxruntime": _open_onnxruntime,
    "onnxruntime-cuda": _open_onnx_cuda,
    "openvino": _open_openvino,
    "tensorrt": functools.partial(_open_tensorrt, "tensorrt", "tensorrt"),
    "tensorrt-rtx": functools.partial(_open_tensorrt, "tensorrt_rtx", "tensorrt-rtx"),
}
