"""``sssd-export build MODEL --out ENGINE``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from sssd_export.cli.shared_options import (
    AsJson,
    LoopOption,
    Model,
    Out,
    Precision,
    Samples,
    Scheduler,
    Split,
    Steps,
    Stream,
    TimingCache,
    tell_engine,
    with_timing_cache,
)


def build(
    model: Model,
    out: Out,
    target: Annotated[
        str | None, typer.Option(help="NAME or NAME:option=value,…; see `sssd-export targets`; default: onnx")
    ] = None,
    scheduler: Scheduler = None,
    steps: Steps = None,
    samples: Samples = 100,
    horizons: Annotated[
        str | None, typer.Option(help="bars or durations, such as 1,4,24 or 1:24; default: as trained")
    ] = None,
    unit: Annotated[str, typer.Option(help="what plain numbers in --horizons count: bars or min")] = "bars",
    precision: Annotated[Precision | None, typer.Option(help="default: the target's first")] = None,
    loop: LoopOption = None,
    split: Split = False,
    stream: Stream = False,
    timing_cache: TimingCache = None,
    as_json: AsJson = False,
) -> None:
    """Compile encoder, noise head and the whole sampling loop into one engine that needs no torch."""
    from sssd_export.request import ExportOptions, export_model
    from sssd_registry.cli.progress import comparison_bar

    options = ExportOptions(
        with_timing_cache(target, timing_cache),
        scheduler,
        steps,
        samples,
        horizons,
        unit,
        precision and precision.value,
        loop and loop.value,
        split,
        stream,
    )
    with comparison_bar("exporting") as report:
        manifest = export_model(model, out, report=report, **asdict(options))
    tell_engine(out, manifest, as_json)
