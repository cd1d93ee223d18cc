"""From the command line's words to an engine folder, whatever the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sssd_export.manifest import MANIFEST, sha256
from sssd_registry.atomic import atomic_directory
from sssd_registry.cli.horizons import split_horizons
from sssd_registry.errors import SSSDError
from sssd_registry.forecaster import check_scheduler_name
from sssd_registry.hookspecs import ExportRequest
from sssd_registry.horizons import check_horizons
from sssd_registry.options import build_options, split_options
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.registry import registry


def export_model(
    model: Path,
    out: Path,
    target: str = "onnx",
    scheduler: str | None = None,
    steps: int | None = None,
    samples: int = 100,
    horizons: str | None = None,
    unit: str = "bars",
    precision: str | None = None,
    loop: str = "unrolled",
    split: bool = False,
) -> dict[str, Any]:
    """Compile the model in ``model`` into the engine folder ``out``, complete or not at all.

    Returns:
        the manifest.

    Raises:
        SSSDError: unknown names, a scheduler that is no tableau, a precision that the target has not, or an engine that
            misses parity.
    """
    name, values = split_options(target)
    spec = registry().targets[name]
    options = build_options("target", name, spec.options, values)
    precision = precision or spec.precisions[0]
    if precision not in spec.precisions:
        raise SSSDError(f"target {name!r} builds {', '.join(spec.precisions)}, not {precision!r}")
    if scheduler is not None:
        check_scheduler_name(scheduler)  # a wrong name should not cost loading a model
    pipeline = SSSDPipeline.from_pretrained(model, scheduler=scheduler)
    if pipeline.record is None or pipeline.examples is None:
        raise SSSDError(f"{model} has no training record")
    bars = check_horizons(None if horizons is None else split_horizons(horizons, unit), pipeline.spec)
    if any(bar != int(bar) for bar in bars):
        raise SSSDError(f"an engine's horizons are whole bars, got {horizons}")
    request = ExportRequest(
        pipeline=pipeline,
        tableau=pipeline.tableau(steps or pipeline.preset.steps_for(scheduler)),
        scheduler=scheduler or pipeline.preset.scheduler or type(pipeline.scheduler).__name__,
        scheduler_factory=lambda: pipeline.scheduler,
        horizons=tuple(int(bar) for bar in bars),
        num_samples=samples,
        examples=pipeline.examples,
        random_walk_window=pipeline.record.random_walk_window,
        test_start=pipeline.record.test_start,
        options=options,
        precision=precision,
        loop=loop,
        split=split,
        source={
            "model": model.name,
            "files": {file.relative_to(model).as_posix(): sha256(file) for file in sorted(model.rglob("*"))
                      if file.is_file()},
            "command": _command(
                target=target, scheduler=scheduler, steps=steps, samples=samples, horizons=horizons, unit=unit,
                precision=precision, loop=loop, split=split,
            ),
        },
    )  # fmt: skip
    with atomic_directory(out, owner=MANIFEST) as folder:
        return spec.build(request, folder)


def _command(**options: Any) -> str:
    """The options that give the same engine again."""
    words = [f"--{name}" if value is True else f"--{name} {value}" for name, value in options.items() if value]
    return " ".join(words)
