"""``sssd search DATA --trials N``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.config import Config
    from sssd_registry.search.study import Found, Row, Score

_SHOWN = 10


def search(
    data: Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow with a time column")],
    trials: Annotated[int, typer.Option(min=1, help="trials in all, those of other workers and of before among them")],
    storage: Annotated[Path | None, typer.Option(help="SQLite file of trials; default: DATA.search.db")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file; what it sets is not searched")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="settle one setting; repeatable"),
    ] = None,
    heads: Annotated[str | None, typer.Option(help="all, or NAME,NAME to choose among; default: one")] = None,
    score: Annotated[str, typer.Option(help="what is to be low on the validation part: crps or energy")] = "crps",
    seed: Annotated[int, typer.Option(min=0, help="of the choices; that of training is --set training.seed")] = 0,
    out: Annotated[Path | None, typer.Option(help="write the best configuration (.toml) for `sssd train`")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw scores by trial (.png)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Search sizes, head and training for the best validation; run it many times at once, and again to go on."""
    from sssd_registry.cli.progress import comparison_bar
    from sssd_registry.config import load_config
    from sssd_registry.data.training_data import training_data
    from sssd_registry.extras import require
    from sssd_registry.search.best_file import check_config_file, write_config

    if score not in ("crps", "energy"):
        raise SSSDError(f"--score takes crps or energy, got {score!r}")
    require("optuna", "a search")
    settings = load_config(config, set_ or [])
    names = split_heads(heads, settings)
    if out is not None:
        check_config_file(out)
    if plot is not None:
        from sssd_registry.plots.figure_file import check_picture

        check_picture(plot, "--plot")
    prepared = training_data(data, settings.data)  # before torch is imported, which takes seconds
    typer.echo(f"data: {prepared.summary}", err=True)
    from sssd_registry.search.study import search as run
    from sssd_registry.training.train import TrainingInterrupted

    place = storage or data.with_name(f"{data.name}.search.db")
    kind: Score = "energy" if score == "energy" else "crps"  # a literal, for the types
    try:
        with comparison_bar("searching") as report:
            found = run(
                prepared, settings, place, trials=trials, heads=names, score=kind, seed=seed, report=report
            )  # fmt: skip
    except TrainingInterrupted:
        typer.echo(f"interrupted; the same command goes on from {place}", err=True)
        raise typer.Exit(130) from None
    if out is not None:
        write_config(found.config, out)
    if plot is not None:
        draw(found, plot)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        print_found(found)


def split_heads(text: str | None, settings: Config) -> list[str]:
    """Names of noise heads, each of which is there.

    Raises:
        SSSDError: no such head.
    """
    from sssd_registry.plugin_api.registry import registry

    heads = registry().heads
    names = [settings.model.head] if text is None else [one.strip() for one in text.split(",") if one.strip()]
    if not names:
        raise SSSDError("--heads takes all, or names such as mlp,adaln")
    if names == ["all"]:
        return list(heads)
    for name in names:
        heads[name]
    return list(dict.fromkeys(names))


def draw(found: Found, path: Path) -> None:
    """The picture of a search."""
    from sssd_registry.plots.plot_search import plot_search

    complete, given_up = (
        [(row.number, row.score) for row in found.rows if row.state == state] for state in ("complete", "given up")
    )
    plot_search(complete, given_up, f"validation {_NAMES[found.score]}, standard units", path)


_NAMES = {"crps": "CRPS", "energy": "energy score"}


def print_found(found: Found) -> None:
    """The best trials, how many there were, and why others failed."""
    from rich.table import Table

    from sssd_registry.cli.print_table import print_table

    table = Table(
        title=f"{len(found.rows)} trials by validation {_NAMES[found.score]}, standard units",
        box=None, header_style="bold",
    )  # fmt: skip
    settings = sorted({name for row in found.rows for name in row.values})
    heads = [name.partition(".")[2].replace("_", " ") for name in settings]
    for column in (
        "trial",
        "CRPS",
        "energy",
        "steps",
        "s",
        "network",
        *heads,
    ):
        table.add_column(column, justify="right")
    complete = [row for row in found.rows if row.state == "complete"]
    for row in complete[:_SHOWN]:
        table.add_row(*_cells(row), *(_text(row.values.get(name)) for name in settings))
    print_table(table, width=140)
    counts = {state: sum(row.state == state for row in found.rows) for state in ("given up", "failed")}
    typer.echo(f"{len(complete)} complete, {counts['given up']} given up early, {counts['failed']} failed")
    for reason in dict.fromkeys(row.reason for row in found.rows if row.reason):
        typer.echo(f"failed: {reason}", err=True)
    best = " ".join(f"--set {name}={value}" for name, value in found.rows[0].values.items())
    typer.echo(f"best: {best}")


def _cells(row: Row) -> list[str]:
    used = "in use" if row.network_in_use else "left out"
    return [str(row.number), f"{row.crps:.5f}", f"{row.energy:.4f}", str(row.steps), f"{row.seconds:.0f}", used]


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
