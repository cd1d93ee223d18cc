"""Export, whatever the target: from the command line's words to an engine folder."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sssd_engine.manifest import sha256
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.files.folder_kinds import ENGINE, MODEL
from sssd_registry.horizons import check_horizons, split_horizons
from sssd_registry.model_or_engine import check_scheduler_name
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.options import build_options, split_options
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.hookspecs import ExportRequest, Report, TargetSpec, silent
from sssd_registry.plugin_api.make_scheduler import solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.storage.distilled import check_solver


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export, in the command line's words.

    Attributes:
        target: ``NAME`` or ``NAME:option=value,…``; default: onnx.
        scheduler: as for the target; default: the model's own.
        steps: inference steps; default: the model's own, or 20.
        samples: of a forecast, where nothing else is asked for.
        horizons: bars or durations; default: as trained.
        unit: of plain numbers in ``horizons``.
        precision: default: the target's first.
        loop: unrolled, loop or step; default: unrolled, where the fastest is looked for both of the first.
        split: encoder and denoiser are to be graphs of their own.
        stream: and the encoder is to be fed bar by bar, too.
    """

    target: str | None = None
    scheduler: str | None = None
    steps: int | None = None
    samples: int = 100
    horizons: str | None = None
    unit: str = "bars"
    precision: str | None = None
    loop: str | None = None
    split: bool = False
    stream: bool = False

    @property
    def command(self) -> str:
        """The options that give the same engine again."""
        given = {name: value for name, value in asdict(self).items() if value}
        return " ".join(f"--{name}" if value is True else f"--{name} {value}" for name, value in given.items())


def export_model(
    model: Path,
    out: Path,
    target: str | None = None,
    *,
    report: Report = silent,
    head: Head | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compile the model in ``model`` into the engine folder ``out``, complete or not at all.

    Args:
        model: model folder.
        out: engine folder.
        target, options: the fields of :class:`ExportOptions`.
        report: told steps of the build done, steps in all, and what is next.
        head: the model's, where it was given from Python.

    Returns:
        the manifest.

    Raises:
        SSSDError: unknown names, a scheduler that is no tableau, a precision that the target has not, or an engine that
            misses parity.
    """
    order = ExportOptions(target, **options)
    open_target(order.target)
    if order.scheduler is not None:
        check_scheduler_name(order.scheduler)  # a wrong name should not cost loading a model
    with atomic_directory(out, owner=ENGINE) as folder:
        pipeline = ModelPipeline.from_pretrained(model, scheduler=order.scheduler, head=head)
        spec, request = export_request(model, order, pipeline)
        return spec.build(replace(request, report=report), folder)


def open_target(text: str | None) -> tuple[TargetSpec, Any]:
    """The target and its options, of ``NAME`` or ``NAME:option=value,…``."""
    name, values = split_options(text or "onnx")
    spec = registry().targets[name]
    return spec, build_options("target", name, spec.options, values)


def export_request(model: Path, order: ExportOptions, pipeline: ModelPipeline) -> tuple[TargetSpec, ExportRequest]:
    """Turn the options of an export into a request to its target.

    Args:
        model: the folder ``pipeline`` was loaded from.
        order: what is asked for.
        pipeline: the model.

    Raises:
        SSSDError: as for :func:`export_model`.
    """
    spec, options = open_target(order.target)
    precision = order.precision or spec.precisions[0]
    if precision not in spec.precisions:
        raise SSSDError(f"target {spec.name!r} builds {', '.join(spec.precisions)}, not {precision!r}")
    if pipeline.record is None or pipeline.examples is None:
        raise SSSDError(f"{model} has no training record")
    wanted = None if order.horizons is None else split_horizons(order.horizons, order.unit)
    bars = check_horizons(wanted, pipeline.spec)
    if any(bar != int(bar) for bar in bars):
        raise SSSDError(f"an engine's horizons are whole bars, got {order.horizons}")
    sampling_defaults, schedule = pipeline.sampling_defaults, pipeline.network.schedule
    named = order.scheduler
    scheduler = pipeline.scheduler if named is None else sampling_defaults.make_scheduler(named, schedule)
    steps = order.steps or sampling_defaults.steps_for(order.scheduler)
    tableau = solver_tableau(scheduler, schedule, steps)
    check_solver(tableau, pipeline.distilled, schedule)
    request = ExportRequest(
        network=pipeline.network,
        tableau=tableau,
        scheduler=order.scheduler or sampling_defaults.scheduler or type(scheduler).__name__,
        scheduler_factory=lambda: scheduler,
        horizons=tuple(int(bar) for bar in bars),
        num_samples=order.samples,
        examples=pipeline.examples,
        random_walk_window=pipeline.record.random_walk_window,
        test_start=pipeline.record.test_start,
        validation=pipeline.record.validation_paths.model_dump() if pipeline.record.validation_paths else {},
        options=options,
        precision=precision,
        loop=order.loop or "unrolled",
        split=order.split or order.stream,
        stream=order.stream,
        source={
            "model": model.resolve().name,
            "files": {name: sha256(model / name) for name in sorted(MODEL.written(model) or ())},
            "command": order.command,
            "order": asdict(order),
        },
    )  # fmt: skip
    return spec, request
