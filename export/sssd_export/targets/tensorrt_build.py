"""Compiling a graph to a TensorRT plan: one code path for TensorRT and for TensorRT for RTX, whose API is the same.

Networks are strongly typed: precision is what the graph says. Windows and samples are dynamic, within a profile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from sssd_engine.manifest import read_manifest
from sssd_export.build.part_plan import Example
from sssd_export.graph.lower_precision import lower_precision
from sssd_export.graph.quantise import quantise
from sssd_export.graph.trace import SAMPLES, WINDOWS
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file

# Hopper, and Blackwell of data centres, which TensorRT for RTX leaves out.
_DATA_CENTRE = {"90", "100", "103"}
# TensorRT takes one logger for the process: the first.
_loggers: dict[str, Any] = {}


@dataclass(frozen=True)
class Profile:
    """Sizes of the dynamic dimensions that a plan has to take: smallest, most usual, largest."""

    windows: tuple[int, int, int]
    samples: tuple[int, int, int]

    def shape(self, sizes: Sequence[Any], which: int) -> list[int]:
        """A graph input's shape with its dynamic dimensions filled in."""
        dynamic = {WINDOWS: self.windows[which], SAMPLES: self.samples[which]}
        return [size if isinstance(size, int) else dynamic[str(size.value)] for size in sizes]


def compile_plan(
    trt: Any,
    model: ir.Model,
    folder: Path,
    name: str,
    example: Example,
    *,
    precision: str,
    profile: Profile,
    compute_capabilities: Sequence[str] = (),
    timing_cache: Path | None = None,
    refit: bool = False,
) -> dict[str, Any]:
    """Write ``NAME.plan``; returns its entries for the manifest, ``graph`` and ``plan``.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        model: the graph, float32.
        folder: where.
        name: of the file.
        example: gives what the graph may be fed, for int8.
        precision: fp32, fp16, bf16 or int8.
        profile: of the dynamic dimensions.
        compute_capabilities: GPUs to build for, such as ``86``; TensorRT for RTX only. Default: its own.
        timing_cache: file to take tactics' timings from, and to add to; TensorRT only.
        refit: keep the weights replaceable; needs a GPU.

    Raises:
        SSSDError: the graph, the profile or the GPUs cannot be had; with TensorRT's own words.
    """
    logger = _logger(trt)
    logger.messages.clear()
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    graph = _typed(model, precision, example)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(ir.to_proto(graph).SerializeToString()):
        error = parser.get_error(0)
        where = f"node {error.node_name() or '(unnamed)'} ({error.node_operator()})"
        raise SSSDError(f"{trt.__name__} does not take the {name}: {where}: {error.desc()}")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)  # float32 is to be float32
    if refit:
        config.set_flag(trt.BuilderFlag.REFIT)
    _add_profile(trt, builder, config, graph, profile)
    _choose_gpus(trt, config, compute_capabilities)
    cache = _timing_cache(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise SSSDError(f"{trt.__name__} cannot build the {name}: {logger.last_error()}")
    (folder / f"{name}.plan").write_bytes(bytes(plan))
    if timing_cache is not None and cache is not None:
        with atomic_file(timing_cache) as new:
            new.write_bytes(bytes(cache.serialize()))
    return {"graph": f"{name}.plan", "plan": {"layers": logger.layers(), "profile": vars(profile), "refit": refit}}


def refit_plan(
    trt: Any, model: ir.Model, engine: Path, folder: Path, name: str, example: Example, *, precision: str
) -> dict[str, Any]:
    """Write ``NAME.plan`` as the one of the folder ``engine`` with the weights of ``model``; returns as compile_plan.

    Needs a GPU. Weights are matched by the names they have in the graph, by TensorRT's own ONNX refitter.

    Raises:
        SSSDError: a plan for another GPU or version, or weights it has no place for; with TensorRT's own words.
    """
    logger = _logger(trt)
    logger.messages.clear()
    before = next(part for part in read_manifest(engine)["parts"] if part["name"] == name)
    plan = trt.Runtime(logger).deserialize_cuda_engine((engine / before["graph"]).read_bytes())
    if plan is None:
        raise SSSDError(f"{engine / before['graph']} cannot be opened here: {logger.last_error()}")
    refitter = trt.Refitter(plan, logger)
    proto = ir.to_proto(_typed(model, precision, example)).SerializeToString()
    if not trt.OnnxParserRefitter(refitter, logger).refit_from_bytes(proto) or not refitter.refit_cuda_engine():
        missing = ", ".join(refitter.get_missing_weights()) or logger.last_error()
        raise SSSDError(f"{trt.__name__} cannot put the weights into the {name}: {missing}")
    (folder / f"{name}.plan").write_bytes(bytes(plan.serialize()))
    return {"graph": f"{name}.plan", "plan": before["plan"]}


def _typed(model: ir.Model, precision: str, example: Example) -> ir.Model:
    """The graph in the precision that a strongly typed network is to have."""
    return quantise(model, example) if precision == "int8" else lower_precision(model, precision)


def _add_profile(trt: Any, builder: Any, config: Any, model: ir.Model, profile: Profile) -> None:
    made = builder.create_optimization_profile()
    for value in model.graph.inputs:
        shapes = [profile.shape(list(value.shape or ()), which) for which in range(3)]
        made.set_shape(value.name, *shapes)
    if config.add_optimization_profile(made) < 0:
        raise SSSDError(
            f"{trt.__name__} refuses the sizes windows {profile.windows} and samples {profile.samples}: smallest, usual"
            " and largest have to ascend; set max_windows and max_samples"
        )


def _choose_gpus(trt: Any, config: Any, wanted: Sequence[str]) -> None:
    if not wanted:
        return
    known = {name.removeprefix("SM"): value for name, value in vars(trt.ComputeCapability).items()
             if re.fullmatch(r"SM\d+", name)}  # fmt: skip
    if unknown := [each for each in wanted if each not in known]:
        other = ": a data-centre GPU takes --target tensorrt or torch-aot:device=cuda, built on it"
        raise SSSDError(
            f"{trt.__name__} builds for compute capabilities {', '.join(known)}, not {', '.join(unknown)}"
            f"{other if set(unknown) & _DATA_CENTRE else ''}"
        )
    config.num_compute_capabilities = len(wanted)
    for index, each in enumerate(wanted):
        config.set_compute_capability(known[each], index)


def _timing_cache(config: Any, file: Path | None) -> Any:
    if file is None:
        return None
    cache = config.create_timing_cache(file.read_bytes() if file.exists() else b"")
    config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _logger(trt: Any) -> Any:
    if trt.__name__ not in _loggers:
        _loggers[trt.__name__] = _make_logger(trt)
    return _loggers[trt.__name__]


def _make_logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Keeps what is said instead of printing it."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.messages: list[tuple[Any, str]] = []

        def log(self, severity: Any, text: str) -> None:
            self.messages.append((severity, text))

        def last_error(self) -> str:
            errors = [text for severity, text in self.messages
                      if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR)]  # fmt: skip
            return errors[-1] if errors else "it gave no reason"

        def layers(self) -> int:
            """Number of fused layers of the plan: with detailed profiling a message lists them."""
            listed = next((text for _, text in reversed(self.messages) if text.startswith("Layers:")), "")
            return len(re.findall(r"^Name: ", listed, re.MULTILINE))

    return Logger()
