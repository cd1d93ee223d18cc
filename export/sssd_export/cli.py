"""``sssd-export MODEL --out DIR`` compiles a trained model to an engine; ``sssd-export inspect DIR`` shows one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sssd_registry.cli.errors import run_app
from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_export.request import Order

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
inspect_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Loop(StrEnum):
    """Where the sampling loop is."""

    UNROLLED = "unrolled"
    LOOP = "loop"
    STEP = "step"


class Precision(StrEnum):
    """What network arithmetic is in; the loop's state is float32 in all."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


def list_targets(wanted: bool) -> None:
    """Print the targets and end."""
    if not wanted:
        return
    from rich.markup import escape
    from rich.table import Table

    from sssd_registry.cli.table import print_table
    from sssd_registry.plugin_api.registry import registry

    table = Table("target", "status", "precisions", "summary", box=None, header_style="bold")
    for entry in sorted(registry().entries, key=lambda entry: entry.name):
        if entry.kind == "target":
            row = (entry.name, entry.standing, " ".join(entry.spec.precisions), entry.summary)
            table.add_row(*map(escape, row))
    print_table(table, width=140)
    raise typer.Exit


@app.command(epilog="`sssd-export inspect DIR` shows what an engine folder holds, and times it.")
def export(
    model: Annotated[
        Path, typer.Argument(help="model folder, as written by `sssd train`; with --triton an engine folder")
    ],
    data: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet with the validation windows' history, for --auto")
    ] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="engine folder to write")] = None,
    refit: Annotated[
        Path | None, typer.Option(help="engine folder to put the model's weights into, instead of --out")
    ] = None,
    triton: Annotated[
        Path | None, typer.Option(help="Triton model repository to add to; MODEL is then an engine folder")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="NAME or NAME:option=value,…; see --list-targets; default: onnx, with --auto all"),
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="NAME or NAME:option=value,…; default: the model's own")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="inference steps; default: the model's own, or 20")] = None,
    samples: Annotated[int, typer.Option(min=2, help="samples by default; any number can be asked for")] = 100,
    horizons: Annotated[str | None, typer.Option(help="bars or durations, such as 1,4,24; default: as trained")] = None,
    unit: Annotated[str, typer.Option(help="what plain numbers in --horizons count: bars or min")] = "bars",
    precision: Annotated[Precision | None, typer.Option(help="default: the target's first")] = None,
    loop: Annotated[
        Loop | None,
        typer.Option(help="all steps in the graph (default), an ONNX Loop in it, or one step that the runtime repeats"),
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="encoder and denoiser as two graphs")] = False,
    timing_cache: Annotated[
        Path | None, typer.Option(help="with --target tensorrt: file of kernels' timings, read and added to")
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="find the fastest engine: scheduler, steps, precision and target")
    ] = False,
    max_crps_loss: Annotated[
        str, typer.Option(help="with --auto: validation CRPS may be so far above that of ddim in 100 steps")
    ] = "1%",
    max_windows: Annotated[int, typer.Option(min=2, help="with --auto: validation windows, evenly spaced")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="print the manifest")] = False,
    _list: Annotated[
        bool, typer.Option("--list-targets", is_eager=True, callback=list_targets, help="show the targets and end")
    ] = False,
) -> None:
    """Compile encoder, noise head and the whole sampling loop into one engine that needs no torch."""
    from sssd_export.request import Order, export_model
    from sssd_registry.cli.progress import comparison_bar

    if timing_cache is not None:
        target = f"{target or 'onnx'}{',' if ':' in (target or '') else ':'}timing_cache={timing_cache}"
    chosen, where = precision and precision.value, loop and loop.value
    order = Order(target, scheduler, steps, samples, horizons, unit, chosen, where, split)
    if triton is not None:
        _triton(model, order, out or refit, triton)
        return
    if refit is not None:
        manifest = _refit(model, order, out, refit)
    elif out is None:
        raise SSSDError("name the engine folder: --out DIR to write one, or --refit DIR to give one other weights")
    elif auto:
        manifest = _auto(model, data, order, out, max_crps_loss, max_windows)
    elif data is not None:
        raise SSSDError(f"DATA ({data}) is for --auto, which chooses by it")
    else:
        with comparison_bar("exporting") as report:
            manifest = export_model(model, out, report=report, **asdict(order))
    if as_json:
        typer.echo(json.dumps(manifest, indent=1))
        return
    parity = manifest["parity"]
    typer.echo(
        f"{out or refit}: {manifest['target']} engine, {manifest['precision']}, {manifest['scheduler']} in"
        f" {manifest['num_calls']} network calls, horizons {', '.join(map(str, manifest['horizons']))};"
        f"{_not_run(parity)} off the live scheduler by {parity['max_error']:.1e} of the samples'"
        f" standard deviation ({parity['tolerance']:.0e} allowed)"
    )
    if search := manifest.get("search"):
        typer.echo(_found(search))
        if "search.png" not in manifest["files"]:
            typer.echo(
                "note: no search.png was drawn: that needs matplotlib: pip install 'sssd-registry[plot]'", err=True
            )
        if not search.get("network_in_use", True):  # engines of before have no word of it
            from sssd_registry.comparison.table import IDLE

            typer.echo(f"note: {IDLE}", err=True)


def _found(search: dict[str, Any]) -> str:
    best = next(one for one in search["engines"] if one["label"] == search["choice"])
    reference = f"{search['reference']['scheduler']}-{search['reference']['steps']}"
    return (
        f"fastest of {len(search['engines'])} engines within {search['tolerance']:.1%}: {best['label']},"
        f" {best['milliseconds']:.2f} ms, CRPS {best['crps']:.4f} on {search['windows']} validation windows,"
        f" {best['loss']:+.2%} from {reference}'s"
    )


def _auto(model: Path, data: Path | None, order: Order, out: Path, loss: str, max_windows: int) -> dict[str, Any]:
    from sssd_registry.cli.compare import beside, check_model, split_tolerance

    if data is None:
        raise SSSDError("--auto needs DATA, a file with the validation windows: sssd-export MODEL DATA --auto")
    if order.precision or order.horizons:
        raise SSSDError("--auto tries every precision, at the trained horizons: leave out --precision and --horizons")
    tolerance = split_tolerance(loss, "--max-crps-loss")
    check_model(model, [order.scheduler] if order.scheduler else [])
    from sssd_export.auto.search import auto_export
    from sssd_registry.cli.progress import comparison_bar
    from sssd_registry.comparison.compare import Setting

    setting = Setting(max_windows=max_windows, samples=order.samples, tolerance=tolerance)
    state = beside(model)
    try:
        with comparison_bar() as report:
            return auto_export(model, data, order, out, setting, state, report)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from {state}", err=True)
        raise typer.Exit(130) from None


def _refit(model: Path, order: Order, out: Path | None, engine: Path) -> dict[str, Any]:
    from sssd_export.refit import refit
    from sssd_export.request import Order

    if out is not None or order != Order():
        raise SSSDError("--refit keeps everything of its engine but the weights: give it with MODEL alone")
    return refit(engine, model)


def _triton(engine: Path, order: Order, other: Path | None, repository: Path) -> None:
    from sssd_export.request import Order
    from sssd_export.triton import write_triton

    if other is not None or order != Order():
        raise SSSDError("--triton serves an engine as it is: give it with ENGINE alone")
    name, version = write_triton(engine, repository)
    typer.echo(f"{repository}: version {version} of {name}; tritonserver --model-repository={repository} serves it")


def _not_run(parity: dict[str, Any]) -> str:
    return f" it was not run here, {parity['not run']}; {parity['of']}" if "not run" in parity else ""


@inspect_app.command()
def inspect(
    engine: Annotated[Path, typer.Argument(help="engine folder, as written by `sssd-export`")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show what an engine folder holds: its manifest, layers, weights and sizes, and how fast it is here."""
    from sssd_export.inspection import describe, inspected

    found = inspected(engine)
    typer.echo(json.dumps(found, indent=1) if as_json else describe(engine, found))


def main() -> None:
    """Entry point: user errors are one line and exit code 2."""
    if sys.argv[1:2] == ["inspect"]:
        sys.argv[:2] = [f"{sys.argv[0]} inspect"]
        run_app(inspect_app)
    else:
        run_app(app)
