"""Imputation of ETTh1: random cells and whole days that are missing, against what anyone would fill in.

    make imputation ETTH1=ETTh1.csv.gz

Each kind of hole is made in the whole file. A model, the linear baseline alone, is trained on what is left of it, and
fills the holes of the test part. Writes benchmarks/imputation.json and the table in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.insert(0, str(ROOT / "benchmarks" / "accuracy"))

from documents import BENCHMARKS, fill  # noqa: E402
from markdown_table import table  # noqa: E402
from tasks import etth1  # noqa: E402

from sssd_registry.config import Config  # noqa: E402
from sssd_registry.errors import DataWarning  # noqa: E402
from sssd_registry.evaluation.scores import crps  # noqa: E402
from sssd_registry.imputing.impute import impute  # noqa: E402
from sssd_registry.training.train import train  # noqa: E402

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RESULTS = ROOT / "benchmarks" / "imputation.json"
# Hours: of a day, which is the season, and between two blackouts.
DAY, BETWEEN = 24, 120
NUM_SAMPLES = 100
# Bars: a stretch that is filled at once is half as long.
HORIZONS = 48


def random_cells(share: float) -> Callable[[tuple[int, int]], Mask]:
    """Each cell is missing with a probability of ``share``, whatever the others are."""
    return lambda shape: np.random.default_rng(0).random(shape) < share


def blackouts(shape: tuple[int, int]) -> Mask:
    """A day of all channels is missing, from a random hour on, once in five days."""
    gone = np.zeros(shape, dtype=np.bool_)
    random = np.random.default_rng(0)
    for first in range(0, shape[0] - BETWEEN, BETWEEN):
        start = first + int(random.integers(DAY, BETWEEN - DAY))
        gone[start : start + DAY] = True
    return gone


KINDS: dict[str, Callable[[tuple[int, int]], Mask]] = {
    "random, 10 %": random_cells(0.1),
    "random, 50 %": random_cells(0.5),
    "random, 90 %": random_cells(0.9),
    "blackouts of 24 h": blackouts,
}


def linear_fill(holed: pd.DataFrame) -> pd.DataFrame:
    """Interpolate linearly between the nearest observed values of a channel."""
    return holed.interpolate(limit_direction="both")


def seasonal_fill(holed: pd.DataFrame) -> pd.DataFrame:
    """Take the mean of the same hour's last observed value before and next after; where there is none, the line."""
    by_hour = holed.groupby(np.arange(len(holed)) % DAY)
    before, after = by_hour.ffill(), by_hour.bfill()
    return ((before.fillna(after) + after.fillna(before)) / 2).fillna(linear_fill(holed))


FILLS = {"linear interpolation": linear_fill, "the same hour before and after": seasonal_fill}


def main(
    etth1_file: Annotated[Path, typer.Argument(help="ETTh1.csv")],
    results: Annotated[Path, typer.Option(help="what was measured before is kept")] = RESULTS,
    only: Annotated[str, typer.Option(help="kinds of holes whose name has this in it")] = "",
    document: Annotated[bool, typer.Option(help="write the table into docs/benchmarks.md")] = True,
) -> None:
    """Measure, and write the table."""
    measured = json.loads(results.read_text()) if results.exists() else {}
    for kind in (name for name in KINDS if only in name):
        measured[kind] = measure(etth1_file, kind)
        typer.echo(f"{kind}: {measured[kind]}")
        results.write_text(json.dumps(measured, indent=1) + "\n")
    if document:
        fill(BENCHMARKS, {"imputation": imputation_table(measured)})


def measure(file: Path, kind: str) -> dict[str, Any]:
    """MAE, CRPS and coverage of our samples, and the MAE of each fill, over the test part's holes; z units."""
    task = etth1(file)
    columns = list(task.frame.columns[1:])
    whole = task.frame.reset_index(drop=True)
    gone = KINDS[kind]((len(whole), len(columns)))
    holed = whole.copy()
    holed[columns] = whole[columns].mask(gone)
    first = len(whole) - round(task.data.test_fraction * len(whole))
    scored = gone & (np.arange(len(whole)) >= first)[:, None]
    truth = whole[columns].to_numpy()
    scores: dict[str, Any] = {
        name: {"MAE": float(np.abs(made(holed[columns]).to_numpy() - truth)[scored].mean())}
        for name, made in FILLS.items()
    }
    started = time.process_time()
    samples = our_samples(task.data.model_dump(), holed, whole, columns)  # (rows, C, S), NaN where none is
    made, there = samples[scored], truth[scored]  # (N, S), (N,)
    if np.isnan(made).any():
        raise SystemExit(f"{kind}: {np.isnan(made).any(axis=1).sum()} holes of the test part were not imputed")
    low, high = np.quantile(made, [0.05, 0.95], axis=1)
    scores["sssd"] = {
        "MAE": float(np.abs(np.median(made, axis=1) - there).mean()),
        "CRPS": float(crps(made[:, :, None, None], there[:, None, None]).mean()),
        "coverage of 90 %": float(((low <= there) & (there <= high)).mean()),
    }
    return {"holes": int(scored.sum()), "core-seconds": round(time.process_time() - started), **scores}


def our_samples(data: dict[str, Any], holed: pd.DataFrame, whole: pd.DataFrame, columns: list[str]) -> Array:
    """Samples ``(rows, C, S)`` of what is missing in ``holed``, by a model that was trained on the rest of it."""
    config = Config.model_validate(
        {
            "data": {**data, "horizons": range(1, HORIZONS + 1)},
            "model": {"location_scale": "linear"},
            "training": {"max_steps": 1, "learning_rate": 1e-12, "validation_windows": 8},
        }
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        pipeline = train(holed, config, Path(folder) / "model")
        made = impute(pipeline, holed, num_samples=NUM_SAMPLES)
    samples = np.full((len(whole), len(columns), NUM_SAMPLES), np.nan)
    starts = pd.to_datetime(whole["time"]).to_numpy().astype("datetime64[s]").astype(np.int64)
    rows = np.searchsorted(starts, made.times)
    places = np.array([columns.index(name) for name in made.target])
    samples[rows, places] = made.samples
    return samples


def imputation_table(measured: dict[str, Any]) -> str:
    """One row for each kind of hole; a fill's CRPS is its MAE, and the best of each row is bold."""
    body = []
    for kind, scores in measured.items():
        ours, fills = scores["sssd"], [scores[name]["MAE"] for name in FILLS]
        figures = [ours["CRPS"], ours["MAE"], *fills]
        best = [ours["CRPS"] <= min(fills), *(value == min(figures[1:]) for value in figures[1:])]
        cells = [f"**{value:.3f}**" if wins else f"{value:.3f}" for value, wins in zip(figures, best, strict=True)]
        body.append([kind, f"{scores['holes']:,}", *cells, f"{ours['coverage of 90 %']:.1%}"])
    head = ["missing", "values", "CRPS", "MAE", *(f"{name}: MAE = CRPS" for name in FILLS), "90 % coverage"]
    return table(head, body)


if __name__ == "__main__":
    typer.run(main)
