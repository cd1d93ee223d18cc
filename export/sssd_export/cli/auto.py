"""``sssd-export auto MODEL DATA --out ENGINE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sssd_export.cli.shared_options import (
    AsJson,
    LoopOption,
    Model,
    Out,
    Samples,
    Scheduler,
    Split,
    Steps,
    TimingCache,
    tell_engine,
    with_timing_cache,
)


def auto(
    model: Model,
    data: Annotated[Path, typer.Argument(help="CSV or Parquet, with the validation windows' history")],
    out: Out,
    max_crps_loss: Annotated[
        str, typer.Option(help="validation CRPS may be so far above that of ddim in 100 steps")
    ] = "1%",
    max_windows: Annotated[int, typer.Option(min=2, help="validation windows, evenly spaced")] = 200,
    target: Annotated[str | None, typer.Option(help="NAME or NAME:option=value,…; default: all that run here")] = None,
    scheduler: Scheduler = None,
    steps: Steps = None,
    samples: Samples = 100,
    loop: LoopOption = None,
    split: Split = False,
    timing_cache: TimingCache = None,
    as_json: AsJson = False,
) -> None:
    """Find the fastest engine that is good enough: scheduler, steps, precision and target; interrupted, it goes on."""
    from sssd_registry.cli.compare import beside, check_model, split_tolerance
    from sssd_registry.cli.understood import read_for

    tolerance = split_tolerance(max_crps_loss, "--max-crps-loss")
    check_model(model, [scheduler] if scheduler else [])
    read = read_for(model, data)  # before torch is imported, which takes seconds
    from sssd_export.auto.search import auto_export
    from sssd_export.request import ExportOptions
    from sssd_registry.cli.progress import comparison_bar
    from sssd_registry.comparison.compare import Setting

    where = loop and loop.value
    options = ExportOptions(with_timing_cache(target, timing_cache), scheduler, steps, samples, loop=where, split=split)
    setting = Setting(max_windows=max_windows, samples=samples, tolerance=tolerance)
    state = beside(model)
    try:
        with comparison_bar() as report:
            manifest = auto_export(model, read, options, out, setting, state, report)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from {state}", err=True)
        raise typer.Exit(130) from None
    tell_engine(out, manifest, as_json)
    if not as_json:
        _tell_search(manifest["search"])
        if "search.png" not in manifest["files"]:
            typer.echo("note: search.png needs matplotlib: pip install 'sssd-registry[plot]'", err=True)


def _tell_search(search: dict[str, Any]) -> None:
    best = next(one for one in search["engines"] if one["label"] == search["choice"])
    reference = f"{search['reference']['scheduler']}-{search['reference']['steps']}"
    typer.echo(
        f"fastest of {len(search['engines'])} engines within {search['tolerance']:.1%}: {best['label']},"
        f" {best['milliseconds']:.2f} ms, CRPS {best['crps']:.4f} on {search['windows']} validation windows,"
        f" {best['loss']:+.2%} from {reference}'s; energy score {best['energy']:.4f},"
        f" {reference}'s {search['reference']['energy']:.4f}"
    )
    if not search["network_in_use"]:
        from sssd_registry.comparison.table import NETWORK_UNUSED

        typer.echo(f"note: {NETWORK_UNUSED}", err=True)
