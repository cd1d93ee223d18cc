"""Engines of a workload, for every runtime and precision of this machine, composed without a model folder."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conftest import Workload

from sssd_export.build import save_onnx, solver_entry
from sssd_export.engine import Engine
from sssd_export.graph import build_graph
from sssd_export.layout import HOST, layout
from sssd_export.openvino_target import save_ir
from sssd_export.runtimes import OnnxPart, Part, open_part


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


def engine(workload: Workload, scheduler: str, steps: int, kind: Kind) -> Engine:
    """The engine of that kind, as ``load_engine`` would give it."""
    tableau = workload.tableau(scheduler, steps)
    runtime = HOST if kind.target == "onnx" else kind.target
    threads, values = torch.get_num_threads(), workload.feed
    parts: list[Part] = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for plan in layout(runtime, kind.target == "onnx", kind.loop, split=False):
            model = build_graph(workload.pieces, tableau, plan.stages, kind.loop)
            precision = "fp32" if plan.runtime == HOST != runtime else kind.precision
            save = save_onnx if plan.runtime == HOST else save_ir
            feed = {str(value.name): values[str(value.name)] for value in model.graph.inputs if value.name in values}
            entry: dict[str, Any] = save(model, folder, plan.name, lambda feed=feed: feed, precision=precision)
            if plan.stages == ("step",):
                entry["solver"] = solver_entry(tableau, workload.pieces.broadcast_time)
            parts.append(open_part(folder, {**entry, "runtime": plan.runtime, "precision": precision}, threads))
            if isinstance(parts[-1], OnnxPart) and "noise" not in parts[-1].inputs and plan.name == "normaliser":
                values |= parts[-1]({name: values[name] for name in parts[-1].inputs})
    names = ("values", "times")
    inputs = [{"name": name, "dtype": str(np.asarray(array).dtype), "shape": list(array.shape)}
              for name, array in values.items() if name.split("_")[0] in names]  # fmt: skip
    return Engine(
        {
            "inputs": inputs, "horizons": list(workload.horizons), "num_samples": workload.noise.shape[2],
            "num_noises": tableau.num_noises, "latent_size": workload.network.latent_size,
        },
        parts,
    )  # fmt: skip
