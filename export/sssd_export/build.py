"""Building an ONNX engine: trace, compose, save, check against the live scheduler, write the manifest."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from sssd_export.engine import Engine, load_engine
from sssd_export.graph import build_graph
from sssd_export.manifest import write_manifest
from sssd_export.parity import check_parity
from sssd_export.trace import trace
from sssd_registry.hookspecs import ExportRequest

QUANTILE_LEVELS = (0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95)
_PACKAGES = ("sssd-registry", "torch", "diffusers", "onnx", "onnx-ir", "onnxscript", "numpy")


def build_onnx(
    request: ExportRequest, folder: Path, graph: str, *, target: str = "onnx", settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write the graph and its manifest into the existing empty ``folder``; returns the manifest.

    Args:
        request: what to build.
        folder: where.
        graph: the graph's file name.
        target: name of the target, whose ``load`` will open the engine.
        settings: what that needs to know; kept in the manifest.

    Raises:
        SSSDError: the engine does not match the live scheduler; the manifest is then not written.
    """
    network = request.pipeline.network
    pieces = trace(network, request.horizons, QUANTILE_LEVELS, request.examples)
    model = build_graph(pieces, request.tableau, len(request.horizons), network.latent_size)
    ir.save(model, folder / graph)
    manifest = {"target": target, "settings": dict(settings or {}), **_manifest(request, model, graph)}
    write_manifest(folder, manifest)
    engine: Engine = load_engine(folder)
    steps = request.tableau.num_inference_steps
    parity = check_parity(engine, network, request.scheduler_factory, steps, request.examples)
    manifest["parity"] = parity
    write_manifest(folder, manifest)
    return manifest


def _manifest(request: ExportRequest, model: ir.Model, graph: str) -> dict[str, Any]:
    spec, tableau = request.pipeline.spec, request.tableau
    unit = "log-return since the origin" if spec.target_kind == "log-return" else "as in the data"
    return {
        "runtime": "onnxruntime",
        "graph": graph,
        "inputs": [_describe(value, _input_meaning(str(value.name), spec.columns)) for value in model.graph.inputs],
        "outputs": [
            _describe(value, f"{value.name} of {', '.join(spec.targets)}; unit: {unit}")
            for value in model.graph.outputs
        ],
        "horizons": list(request.horizons),
        "quantile_levels": list(QUANTILE_LEVELS),
        "num_samples": request.num_samples,
        "num_noises": tableau.num_noises,
        "latent_size": request.pipeline.network.latent_size,
        "scheduler": request.scheduler,
        "num_inference_steps": tableau.num_inference_steps,
        "num_calls": tableau.num_calls,
        "tableau": tableau.digest,
        "precision": "fp32",
        "spec": spec.model_dump(mode="json"),
        "test_start": request.test_start,
        "random_walk_window": request.random_walk_window,
        "parity": None,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _describe(value: ir.Value, meaning: str) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else str(size.value) for size in value.shape or ()]
    dtype = {"DOUBLE": "float64", "FLOAT": "float32", "INT64": "int64"}[value.dtype.name if value.dtype else "FLOAT"]
    return {"name": value.name, "dtype": dtype, "shape": shape, "meaning": meaning}


def _input_meaning(name: str, columns: tuple[str, ...]) -> str:
    kind, _, timeframe = name.partition("_")
    if kind == "values":
        return f"the last complete bars of {timeframe}, oldest first; columns {', '.join(columns)}, in data units"
    if kind == "times":
        return f"start of each {timeframe} bar, seconds since 1970-01-01 UTC"
    return "standard normal: the initial noise, then each step's draw"
