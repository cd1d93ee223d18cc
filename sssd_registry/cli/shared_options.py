"""Options that several commands have in common, each told in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelOrEngine = Annotated[Path, typer.Argument(help="model folder or engine folder")]
History = Annotated[Path, typer.Argument(help="CSV, Parquet or Arrow, with the history that the windows need")]
TrainedHorizons = Annotated[str | None, typer.Option(help="bars or durations; default: as trained")]
Unit = Annotated[str, typer.Option(help="what plain numbers in --horizons count: bars or min")]
SchedulerName = Annotated[str | None, typer.Option(help="NAME or NAME:option=value,…; see `sssd plugins`")]
Steps = Annotated[int | None, typer.Option(min=1, help="inference steps; default: the model's own, or 20")]
Strict = Annotated[bool, typer.Option("--strict", help="refuse data of which a series would be left out")]
ScoredSamples = Annotated[int | None, typer.Option(min=2, help="samples of each forecast; default 100")]
FirstOrigin = Annotated[str | None, typer.Option(help="first origin; default: the end of the model's validation data")]
