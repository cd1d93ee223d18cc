"""Plan of an engine's parts: the stages of a forecast that each is made of, and what compiles and runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir

HOST = "onnxruntime"
Example = Callable[[], dict[str, npt.NDArray[Any]]]


@dataclass(frozen=True)
class PartPlan:
    """A part to build: consecutive stages, and the runtime that is to run them."""

    name: str
    stages: tuple[str, ...]
    runtime: str = HOST


@dataclass(frozen=True)
class Compiler:
    """Compiler of a target's parts.

    Attributes:
        runtime: as a manifest names it.
        compile: ``(model, folder, name, example) -> entries``: writes the part ``name`` into ``folder`` and returns
            what the manifest is to say of it, ``graph``, the file to open, first of all. ``example()`` gives what the
            part may be fed, to calibrate by.
        version: of what compiles; another makes builds that are kept useless.
        float64: it can compute in float64, and so can take all stages.
        whole_bf16: in bf16 it computes all of a part so, the encoder too, and not only the head's products.
        build_only_reason: why what it builds cannot be run, and so not be checked, on this machine; or nothing.
        stand_in: ``(model, example) -> model``, what ONNX Runtime then runs in its place for the check.
        refit: ``(model, engine, folder, name, example) -> entries``, as ``compile``, but by putting the graph's weights
            into what ``engine``, a folder, has under that name. Without it everything is compiled again, which for
            runtimes that compile when an engine is loaded is nothing.
    """

    runtime: str
    compile: Callable[[ir.Model, Path, str, Example], dict[str, Any]]
    float64: bool
    version: str = ""
    whole_bf16: bool = False
    build_only_reason: str = ""
    stand_in: Callable[[ir.Model, Example], ir.Model] = lambda model, _: model
    refit: Callable[[ir.Model, Path, Path, str, Example], dict[str, Any]] | None = None


def layout(runtime: str, float64: bool, loop: str, split: bool, in_use: bool = True) -> tuple[PartPlan, ...]:
    """The parts of an engine.

    A runtime without float64 gets what is between normalisation and decoding; ONNX Runtime does those two. Of a network
    that is not in use there is nothing between.
    """
    if not in_use:
        return (PartPlan("model", ("normalise", "decode")),)
    if loop == "step":
        groups = [("encoder", ("encode", "prepare")), ("step", ("step",))]
    elif split:
        groups = [("encoder", ("encode",)), ("denoiser", ("denoise",))]
    else:
        groups = [("denoiser" if not float64 else "model", ("encode", "denoise"))]
    if not float64:
        middle = [PartPlan(name, stages, runtime) for name, stages in groups]
        return (PartPlan("normaliser", ("normalise",)), *middle, PartPlan("decoder", ("decode",)))
    (first, stages), *rest = groups
    groups = [(first, ("normalise", *stages)), *rest]
    if loop == "step":  # nothing but the step itself is repeated
        return tuple(PartPlan(name, stages, runtime) for name, stages in [*groups, ("decoder", ("decode",))])
    last, stages = groups[-1]
    groups[-1] = (last, (*stages, "decode"))
    return tuple(PartPlan(name, stages, runtime) for name, stages in groups)
