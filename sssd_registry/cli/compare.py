"""``sssd compare MODEL DATA``: every scheduler on one trained model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.comparison.table import Comparison, Row


def compare(
    model: Annotated[Path, typer.Argument(help="model folder")],
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow, with the history that the windows need")],
    schedulers: Annotated[
        list[str] | None,
        typer.Option(help="all, or NAME,NAME, or NAME:option=value,…; repeatable"),
    ] = None,
    steps: Annotated[str, typer.Option(help="numbers of inference steps")] = "4,6,8,10,15,20,50,100",
    part: Annotated[str, typer.Option(help="validation, to choose by; or test, to report")] = "validation",
    max_windows: Annotated[int, typer.Option(min=2, help="windows, evenly spaced")] = 200,
    samples: Annotated[int, typer.Option(min=2, help="samples of each forecast")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="of the noise that all share")] = 0,
    tolerance: Annotated[str, typer.Option(help="how far from the best CRPS is good enough: 1% or 0.01")] = "1%",
    out: Annotated[Path | None, typer.Option(help="file of finished rows; default: MODEL.compare.json")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw CRPS against time (.png)")] = None,
    write_default: Annotated[
        bool, typer.Option("--write-default", help="make the cheapest good one the model's default")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Score and time schedulers on one trained model, from the same noise; interrupted, it goes on where it was."""
    if part not in ("validation", "test"):
        raise SSSDError(f"--part takes validation or test, got {part!r}")
    if write_default and part == "test":
        raise SSSDError("--write-default with --part test would choose by the data that are to judge the choice")
    names, numbers = split_schedulers(schedulers), split_steps(steps)
    share = split_tolerance(tolerance)
    check_model(model, names)
    from sssd_registry.cli.understood import read_for

    if plot is not None:
        from sssd_registry.plots.figure_file import check_picture

        check_picture(plot, "--plot")
    read = read_for(model, data)  # before torch is imported, which takes seconds
    from sssd_registry.cli.progress import comparison_bar
    from sssd_registry.comparison.compare import Setting
    from sssd_registry.comparison.compare import compare as run

    setting = Setting("test" if part == "test" else "validation", max_windows, samples, seed, share)
    state = out or beside(model)
    try:
        with comparison_bar() as report:
            result = run(model, read, names, numbers, setting, state, report)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from {state}", err=True)
        raise typer.Exit(130) from None
    if plot is not None:
        from sssd_registry.plots.plot_comparison import plot_comparison

        plot_comparison(result, plot)
    if write_default:
        from sssd_registry.storage.sampling_defaults import write_default as write

        write(model, result.choice.scheduler, result.choice.steps)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        print_comparison(result)
    if write_default:
        typer.echo(f"{model}: {result.choice.label} is its default now", err=as_json)


def beside(model: Path) -> Path:
    """``MODEL.compare.json``, also where MODEL is given as ``.``, which has no name of its own."""
    whole = Path(os.path.abspath(model))  # not resolve(), which would follow a link to another folder
    return whole.parent / f"{whole.name}.compare.json"


def check_model(model: Path, names: list[str] | None) -> None:
    """Raise what is wrong before anything heavy is imported."""
    from sssd_registry.model_or_engine import check_scheduler_name

    if (model / "manifest.json").exists():
        raise SSSDError(f"{model} is an engine, whose scheduler is compiled in: compare on the model it was made from")
    for name in names or []:
        check_scheduler_name(name)


def split_schedulers(given: list[str] | None) -> list[str] | None:
    """Names; ``None`` for all. A comma separates names where there are no options, whose separator it is too."""
    texts = [one.strip() for text in given or ["all"] for one in ([text] if ":" in text else text.split(","))]
    names = [text for text in texts if text]
    if names == ["all"]:
        return None
    if not names or "all" in names:
        raise SSSDError(f"--schedulers takes all, or names; got {','.join(given or [])!r}")
    return list(dict.fromkeys(names))


def split_steps(text: str) -> list[int]:
    """``4,6,8`` as numbers."""
    texts = [one.strip() for one in text.split(",") if one.strip()]
    if not texts or not all(one.isdecimal() and int(one) > 0 for one in texts):
        raise SSSDError(f"--steps takes whole numbers from 1 on, such as 4,8,20; got {text!r}")
    return list(dict.fromkeys(int(one) for one in texts))


def split_tolerance(text: str, option: str = "--tolerance") -> float:
    """``1%`` or ``0.01``."""
    try:
        share = float(text.rstrip("% ")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise SSSDError(f"{option} takes a share from 0 to 1, such as 1% or 0.01; got {text!r}")
    return share


def print_comparison(result: Comparison) -> None:
    """The table, what was skipped, and two sentences."""
    from rich.table import Table

    from sssd_registry.cli.print_table import print_table
    from sssd_registry.comparison.table import NETWORK_UNUSED, front

    on_front = front(result.rows)
    table = Table(
        title=f"{result.windows} {result.part} windows, {result.samples} samples; scores in standard units;"
        f" {result.threads} threads, float32",
        box=None, header_style="bold",
    )  # fmt: skip
    for column in ("scheduler", "steps", "calls", "CRPS", "above the best", "energy", "variogram", "50 %", "90 %", "ms",
                   "front"):  # fmt: skip
        table.add_column(column, justify="left" if column == "scheduler" else "right", no_wrap=True)
    for row in result.rows:
        table.add_row(*_cells(row), "•" if row in on_front else "")
    print_table(table, width=120)
    for one in result.skipped:
        steps = "" if one.steps is None else f" in {one.steps} steps"
        typer.echo(f"skipped {one.scheduler}{steps}: {one.reason}", err=True)
    if not result.network_in_use:
        typer.echo(f"note: {NETWORK_UNUSED}", err=True)
    best, choice = result.best, result.choice
    typer.echo(f"best: {best.label}, CRPS {best.crps:.5f} in {best.calls} network calls")
    typer.echo(
        f"cheapest within {result.tolerance:.2%} of it: {choice.label},"
        f" CRPS {choice.crps:.5f} in {choice.calls} network calls, {choice.milliseconds:.1f} ms"
    )


def _cells(row: Row) -> list[str]:
    return [
        row.scheduler, str(row.steps), str(row.calls), f"{row.crps:.5f} ± {row.crps_se:.5f}",
        f"{row.excess:+.2%} ± {row.excess_se:.2%}", f"{row.energy:.4f}", f"{row.variogram:.4f}",
        f"{row.coverage_50:.1%}", f"{row.coverage_90:.1%}",
        f"{row.milliseconds:.1f}",
    ]  # fmt: skip
