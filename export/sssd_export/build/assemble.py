"""Building an engine: trace, compose, compile, check against the live scheduler, write the manifest."""

from __future__ import annotations

import functools
import importlib.metadata
import math
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx_ir as ir
import onnxruntime

from sssd_engine.engine import Engine, load_engine
from sssd_engine.manifest import meaning, write_manifest
from sssd_engine.noise import draw_noise
from sssd_engine.part import MEANING, OnnxPart, Part
from sssd_engine.solver_loop import SolverLoop
from sssd_export.build.cache import build_key, cached
from sssd_export.build.conditioning_entry import conditioning_entry
from sssd_export.build.describe_graph import describe_graph, keep_words
from sssd_export.build.graph_size import refuse_too_large
from sssd_export.build.manifest_entries import QUANTILE_LEVELS, description_of, port, solver_entry, structure
from sssd_export.build.parity import check_parity
from sssd_export.build.part_plan import HOST, Compiler, Example, PartPlan, layout
from sssd_export.build.stream_parts import check_stream, check_streamable, stream_graphs
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.check_constants import check_kept
from sssd_export.graph.compose import build_graph
from sssd_export.graph.quantise import quantise
from sssd_export.graph.trace import TracedParts, trace
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import ExportRequest

_TRACES: ContextVar[dict[Any, TracedParts] | None] = ContextVar("traces", default=None)
# Samples of each example that int8 is calibrated with.
_CALIBRATION = 64
_PACKAGES = ("sssd-registry", "torch", "diffusers", "onnx", "onnx-ir", "onnxscript", "numpy")


def build_engine(
    request: ExportRequest,
    folder: Path,
    target: str,
    compiler: Compiler,
    *,
    packages: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the engine into the existing empty ``folder``; returns the manifest.

    Args:
        request: what to build.
        folder: where.
        target: name of the target, whose ``load`` will open the engine.
        compiler: what compiles the parts that are not ONNX Runtime's.
        packages: distributions whose versions the manifest is to keep, besides those that every build uses.
        settings: what the target's ``load`` needs to know; kept in the manifest.

    Raises:
        SSSDError: the engine does not match the live scheduler; the manifest is then not written.
    """
    if not request.network.in_use:  # nothing is left to compile but what ONNX Runtime does
        request = replace(request, precision="fp32")
        compiler = replace(compiler, runtime=HOST, compile=save_onnx, build_only_reason="", refit=None)
    check_streamable(request)
    plans = layout(compiler.runtime, compiler.float64, request.loop, request.split, request.network.in_use)
    work = ["tracing", *(f"compiling the {plan.name}" for plan in plans), "checking it against the live scheduler"]
    request.report(0, len(work), work[0])
    pieces = _traced(request, dense=compiler.whole_bf16 and request.precision == "bf16")
    graphs = [build_graph(pieces, request.tableau, plan.stages, request.loop) for plan in plans]
    check_kept(pieces, graphs)
    for plan, graph in zip(plans, graphs, strict=True):
        refuse_too_large(graph, plan.name)
    # Key, compiler and stand-in may each ask; running the graphs before a part once is enough.
    examples = [
        functools.cache(functools.partial(example_feed, graphs[: at + 1], request)) for at in range(len(graphs))
    ]
    faces = [_face(plan, request, pieces, compiler) for plan in plans]
    description = description_of(request, graphs)
    signed = meaning({**description, "parts": faces})
    parts: list[dict[str, Any]] = []
    for at, (plan, graph, example) in enumerate(zip(plans, graphs, examples, strict=True), start=1):
        request.report(at, len(work), work[at])
        if plan.runtime == HOST:  # every engine has such a part
            graph.metadata_props[MEANING] = signed
            describe_graph(graph, description)
        parts.append({**faces[at - 1], **_compiled(plan, graph, example, request, compiler, folder)})
    streamed = _streamed(request, pieces, compiler, folder, signed)
    request.report(len(work) - 1, len(work), work[-1])
    manifest = {
        "target": target,
        "settings": dict(settings or {}),
        "parts": parts,
        **({"stream": streamed} if streamed else {}),
        **description,
        "conditioning": conditioning_entry(request.network, request.horizons, folder),
        "source": dict(request.source),
        "validation": dict(request.validation),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in (*_PACKAGES, _onnxruntime(), *packages)},
        },
    }
    write_manifest(folder, manifest)
    if compiler.build_only_reason:
        engine = _as_graphs(manifest, graphs, examples, compiler)
    else:
        engine = load_engine(folder, trust_native_code=True)  # it was built a moment ago, here
    steps = request.tableau.num_inference_steps
    network, factory = request.network, request.scheduler_factory
    parity = check_parity(engine, network, factory, steps, request.examples, request.precision)
    of = (
        {"of": "its graphs in ONNX Runtime", "not run": compiler.build_only_reason}
        if compiler.build_only_reason
        else {}
    )
    if streamed and not compiler.build_only_reason:
        parity["stream_error"] = check_stream(engine, request)
    manifest["parity"] = {**parity, "of": "the engine", **of}
    write_manifest(folder, manifest)
    return manifest


def _onnxruntime() -> str:
    """Name the distribution that ONNX Runtime is of: one of two that are never installed together."""
    try:
        importlib.metadata.version("onnxruntime-gpu")
    except importlib.metadata.PackageNotFoundError:
        return "onnxruntime"
    return "onnxruntime-gpu"


@contextmanager
def shared_traces() -> Iterator[None]:
    """Within it, engines of one pipeline are composed of the same pieces: tracing takes longer than all the rest."""
    token = _TRACES.set({})
    try:
        yield
    finally:
        _TRACES.reset(token)


def _traced(request: ExportRequest, dense: bool) -> TracedParts:
    known, network = _TRACES.get(), request.network
    key = (network, request.horizons, dense)
    pieces = None if known is None else known.get(key)
    if pieces is None:
        pieces = trace(network, request.horizons, QUANTILE_LEVELS, request.examples, dense)
        if known is not None:
            known[key] = pieces
    return pieces


def save_onnx(model: ir.Model, folder: Path, name: str, _example: Example, precision: str = "fp32") -> dict[str, Any]:
    """The compiler of what ONNX Runtime runs: the graph as it is, or with the head's products in int8."""
    made = quantise(model) if precision == "int8" else model
    keep_words(model, made)
    ir.save(made, folder / f"{name}.onnx")
    return {"graph": f"{name}.onnx"}


def example_feed(graphs: Sequence[ir.Model], request: ExportRequest) -> dict[str, npt.NDArray[Any]]:
    """Return inputs of the last of ``graphs`` for the model's examples: the graphs before it are run to make them."""
    shape = request.network.noise_shape(request.tableau)
    noise, draws = draw_noise(0, 0, len(request.examples), _CALIBRATION, shape)
    values = {**engine_inputs(request.examples, request.horizons), "noise": noise, "draws": draws}
    *before, last = graphs
    if any(value.name == "z" for value in last.graph.inputs):
        raise SSSDError("int8 of this target is calibrated on the whole loop: it needs --loop unrolled")
    for graph in before:
        part = OnnxPart(literal_session(graph))
        values |= part({name: values[name] for name in part.inputs})
    return {str(value.name): values[str(value.name)] for value in last.graph.inputs}


def _compiled(
    plan: PartPlan,
    graph: ir.Model,
    example: Example,
    request: ExportRequest,
    compiler: Compiler,
    folder: Path,
) -> dict[str, Any]:
    """Compile a part; returns what the manifest says of it besides its face."""
    host = plan.runtime == HOST
    if host:  # nothing is compiled before it is loaded
        compile_part = save_onnx if compiler.runtime != HOST else compiler.compile
        made = compile_part(graph, folder, plan.name, example)
    elif request.refit is not None and compiler.refit is not None:
        made = compiler.refit(graph, request.refit, folder, plan.name, example)
    else:
        examples = example() if request.precision == "int8" else {}
        key = build_key(
            ir.to_proto(graph).SerializeToString(), plan.name, compiler.runtime, compiler.version, request.precision,
            request.num_samples, request.options, {name: array.tobytes().hex() for name, array in examples.items()},
        )  # fmt: skip
        made = cached(key, folder, lambda place: compiler.compile(graph, place, plan.name, example))
    return {
        **made,
        "inputs": [port(value) for value in graph.graph.inputs],
        "outputs": [port(value) for value in graph.graph.outputs],
        "structure": structure(graph),
        "layers": dict(Counter(node.op_type for node in graph.graph.all_nodes()).most_common()),
        "weights": sum(math.prod(value.shape.numpy()) for value in graph.graph.initializers.values() if value.shape),
    }


def _streamed(
    request: ExportRequest, pieces: TracedParts, compiler: Compiler, folder: Path, signed: str
) -> list[dict[str, Any]]:
    """Write the parts of a stream, ONNX Runtime's whatever the target; returns what the manifest says of them."""
    exact, host = replace(request, precision="fp32"), replace(compiler, runtime=HOST, compile=save_onnx)
    entries = []
    for name, graph in stream_graphs(request, pieces).items():
        refuse_too_large(graph, name)
        graph.metadata_props[MEANING] = signed
        plan = PartPlan(name, ("stream",))
        made = _compiled(plan, graph, dict, exact, host, folder)
        entries.append({**_face(plan, exact, pieces, host), **made})
    return entries


def _face(plan: PartPlan, request: ExportRequest, pieces: TracedParts, compiler: Compiler) -> dict[str, Any]:
    """Return the manifest entries of a part that are known before it is compiled."""
    plain = plan.runtime == HOST and compiler.runtime != HOST
    stepped = pieces.head is not None and plan.stages == ("step",)
    solver = {"solver": solver_entry(request.tableau, pieces.head)} if pieces.head is not None and stepped else {}
    return {
        "name": plan.name,
        "stages": list(plan.stages),
        "runtime": plan.runtime,
        "precision": "fp32" if plain else request.precision,
        **solver,
    }


def _as_graphs(
    manifest: Mapping[str, Any], graphs: Sequence[ir.Model], examples: Sequence[Example], compiler: Compiler
) -> Engine:
    """The engine with ONNX Runtime in the place of what cannot run here."""
    parts: list[Part] = []
    for entry, graph, example in zip(manifest["parts"], graphs, examples, strict=True):
        model = compiler.stand_in(graph, example) if entry["runtime"] == compiler.runtime else graph
        part = OnnxPart(literal_session(model))
        parts.append(SolverLoop(part, entry["solver"]) if "solver" in entry else part)
    return Engine(manifest, parts)


def literal_session(model: ir.Model) -> onnxruntime.InferenceSession:
    """A session that runs the graph as it stands: optimised, roundings to half precision and back are taken away."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    proto = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(proto, sess_options=options, providers=["CPUExecutionProvider"])
