"""Engines of a workload, for every runtime and precision of this machine, composed without a model folder."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import Workload

from sssd_engine.engine import Engine
from sssd_engine.part import OnnxPart, Part
from sssd_engine.runtimes import open_part
from sssd_export.build.assemble import save_onnx
from sssd_export.build.manifest_entries import noise_ports, port, solver_entry
from sssd_export.build.part_plan import HOST, Compiler, layout
from sssd_export.graph.compose import build_graph
from sssd_export.targets.openvino import save_ir
from sssd_export.targets.tensorrt_build import Profile, compile_plan

# TensorRT's targets and their modules.
TENSORRT = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}


@dataclass(frozen=True)
class Kind:
    """A way to compile: a target, a precision, and where the loop is."""

    target: str
    precision: str
    loop: str

    @property
    def label(self) -> str:
        how = {"unrolled": "", "loop": ", ONNX Loop", "step": ", step by step"}[self.loop]
        return f"{self.target} {self.precision}{how}"


def kinds() -> Iterator[Kind]:
    """All that run on this machine's CPU."""
    for target, precisions in (("onnx", ("fp32", "int8")), ("openvino", ("fp32", "bf16", "int8"))):
        if target == "openvino" and not importlib.util.find_spec("openvino"):
            continue
        for precision in precisions:
            yield Kind(target, precision, "unrolled")
            if precision != "int8":
                yield Kind(target, precision, "loop")


def gpu_kinds() -> Iterator[Kind]:
    """All that are made for an NVIDIA GPU, whatever of it is installed here."""
    for target, precisions in (
        ("onnx:provider=cuda", ("fp32",)),
        *((name, ("fp32", "fp16", "bf16")) for name in TENSORRT),
    ):
        for precision in precisions:
            yield Kind(target, precision, "unrolled")
            if target != "onnx:provider=cuda":  # whose CUDA graphs hold no loop
                yield Kind(target, precision, "loop")


def compiler(kind: Kind, workload: Workload) -> Compiler:
    """Make the compiler of that kind, for as many windows and samples as the workload has.

    Raises:
        ImportError: its runtime is not installed.
    """
    if kind.target == "onnx":
        return Compiler(HOST, functools.partial(save_onnx, precision=kind.precision), float64=True)
    if kind.target == "onnx:provider=cuda":
        return Compiler("onnxruntime-cuda", save_onnx, float64=False)
    if kind.target == "openvino":
        return Compiler("openvino", functools.partial(save_ir, precision=kind.precision), float64=False)
    windows, samples = workload.noise.paths.shape[:2]
    build = functools.partial(
        compile_plan,
        importlib.import_module(TENSORRT[kind.target]),
        precision=kind.precision,
        profile=Profile((windows,) * 3, (samples,) * 3),
    )
    return Compiler(kind.target, build, float64=False)


def engine(workload: Workload, scheduler: str, steps: int, kind: Kind) -> Engine:
    """The engine of that kind, as ``load_engine`` would give it."""
    tableau, made = workload.tableau(scheduler, steps), compiler(kind, workload)
    threads, values = torch.get_num_threads(), workload.feed
    parts: list[Part] = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for plan in layout(made.runtime, made.float64, kind.loop, False, workload.network.in_use):
            model = build_graph(workload.pieces, tableau, plan.stages, kind.loop)
            guest = plan.runtime != HOST or made.runtime == HOST
            compile_part, precision = (made.compile, kind.precision) if guest else (save_onnx, "fp32")
            feed = {str(value.name): values[str(value.name)] for value in model.graph.inputs if value.name in values}
            entry: dict[str, Any] = compile_part(model, folder, plan.name, lambda feed=feed: feed)
            entry |= {"inputs": list(map(port, model.graph.inputs)), "outputs": list(map(port, model.graph.outputs))}
            if plan.stages == ("step",):
                entry["solver"] = solver_entry(tableau, workload.head)
            parts.append(open_part(folder, {**entry, "runtime": plan.runtime, "precision": precision}, threads))
            if isinstance(parts[-1], OnnxPart) and "noise" not in parts[-1].inputs and plan.name == "normaliser":
                values |= parts[-1]({name: values[name] for name in parts[-1].inputs})
    names = ("values", "times")
    inputs = [{"name": name, "dtype": str(np.asarray(array).dtype), "shape": list(array.shape)}
              for name, array in values.items() if name.split("_")[0] in names]  # fmt: skip
    inputs += noise_ports(workload.network.noise_shape(tableau))
    manifest = {"inputs": inputs, "horizons": list(workload.horizons), "num_samples": workload.samples}
    return Engine(manifest, parts)
