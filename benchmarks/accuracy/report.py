"""From the results' files to one summary, and from that to tables.

A mean over windows comes with its standard error; over seeds, where there are several, with theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
SUMMARY = ROOT / "benchmarks" / "accuracy.json"
WALK = "random walk"
_Z = 1.96

Summary = dict[str, dict[str, Any]]


def write_summary(results: Path, summary: Path = SUMMARY) -> None:
    """Gather every result of a folder into one JSON file."""
    trees: dict[tuple[str, str, int], dict[str, Any]] = {}
    for file in sorted(results.glob("*.json"), key=lambda one: one.stat().st_mtime):
        tree = json.loads(file.read_text())
        trees[tree["task"], tree["forecaster"], tree["seed"]] = tree  # the latest configuration of each
    gathered: Summary = {}
    for (task, forecaster, _), tree in sorted(trees.items()):
        entry = gathered.setdefault(task, {"data": tree["data"], "forecasters": {}})
        entry["forecasters"].setdefault(forecaster, []).append(
            {key: value for key, value in tree.items() if key not in ("task", "forecaster", "data")}
        )
    text = json.dumps(gathered, separators=(",", ":"), default=float)
    rounded = json.loads(text, parse_float=lambda number: float(f"{float(number):.5g}"))
    summary.write_text(json.dumps(rounded, indent=None, separators=(",", ":")) + "\n")


def read_summary(summary: Path = SUMMARY) -> Summary:
    made: Summary = json.loads(summary.read_text()) if summary.exists() else {}
    return made


def mean_score(runs: Sequence[Mapping[str, Any]], *path: str) -> float:
    """Mean over seeds of one score."""
    return float(np.mean([_at(run["scores"], path) for run in runs]))


def spread_over_seeds(runs: Sequence[Mapping[str, Any]], *path: str) -> float | None:
    """Standard deviation over seeds, where there are several."""
    return float(np.std([_at(run["scores"], path) for run in runs], ddof=1)) if len(runs) > 1 else None


def by_window(runs: Sequence[Mapping[str, Any]], score: str) -> Any:
    """A score of each window, averaged over seeds."""
    return np.mean([run["scores"][score] for run in runs], axis=0)


def paired(ours: Any, theirs: Any) -> tuple[float, float]:
    """Mean difference over windows, and half the width of its 95 % interval (normal approximation)."""
    difference = np.asarray(ours) - np.asarray(theirs)
    return float(difference.mean()), float(_Z * difference.std(ddof=1) / len(difference) ** 0.5)


def best_of_ours(entry: Mapping[str, Any], contains: str = "") -> str:
    """The head with the lowest validation CRPS: chosen without a look at the test part."""
    mine = {
        name: float(np.mean([run["validation CRPS"] for run in runs]))
        for name, runs in entry["forecasters"].items()
        if name.startswith("sssd") and "without" not in name and ("random walk" in name) == (contains == WALK)
    }
    return min(mine, key=mine.__getitem__)


def _at(tree: Any, path: Sequence[str]) -> float:
    for key in path:
        tree = tree[key]
    return float(tree)


def tables(summary: Summary) -> str:
    """One markdown table for each task, forecasters by their main score."""
    return "\n\n".join(_TABLES[task](entry) for task, entry in summary.items() if task in _TABLES)


def _ordered(entry: Mapping[str, Any], *path: str) -> list[tuple[str, Any]]:
    named = entry["forecasters"].items()
    return sorted(named, key=lambda item: mean_score(item[1], *path))


def _minutes(runs: Sequence[Mapping[str, Any]]) -> str:
    seconds = [run["training seconds"] for run in runs if "training seconds" in run]
    return f"{np.mean(seconds) / 60:.1f} min" if seconds else ""


def _seeds(text: str, runs: Sequence[Mapping[str, Any]], digits: int, *path: str) -> str:
    spread = spread_over_seeds(runs, *path)
    return text if spread is None else f"{text} (seeds ± {spread:.{digits}f})"


def _exchange_rate(entry: Mapping[str, Any]) -> str:
    walk = by_window(entry["forecasters"][WALK], "loss by window")
    rows = []
    for name, runs in _ordered(entry, "wQL, five windows"):
        mine = by_window(runs, "loss by window")
        difference, half = paired(mine, walk)
        versus = "–" if name == WALK else f"{difference:+.5f} ± {half:.5f}"
        few = _seeds(f"{mean_score(runs, 'wQL, five windows'):.5f}", runs, 5, "wQL, five windows")
        rows.append([name, few, f"{mean_score(runs, 'wQL'):.5f}", versus,
                     f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])  # fmt: skip
    head = ["exchange_rate, 30 days", "wQL, GluonTS's 5 windows", "wQL, 50 windows",
            "difference to the random walk, 95 %", "90 % coverage", "training"]  # fmt: skip
    return table(head, rows)


def _etth1(entry: Mapping[str, Any]) -> str:
    rows = []
    for name, runs in _ordered(entry, "CRPS9"):
        windows = by_window(runs, "CRPS9 by window")
        error = windows.std(ddof=1) / len(windows) ** 0.5
        score = _seeds(f"{mean_score(runs, 'CRPS9'):.4f} ± {error:.4f}", runs, 4, "CRPS9")
        rows.append([name, score, f"{mean_score(runs, 'MSE'):.3f}", f"{mean_score(runs, 'MAE'):.3f}",
                     f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])  # fmt: skip
    head = ["ETTh1, 24 hours", "CRPS9 ± standard error", "MSE", "MAE", "90 % coverage", "training"]
    return table(head, rows)


def _currency(title: str) -> Any:
    def made(entry: Mapping[str, Any]) -> str:
        walk = entry["forecasters"][WALK]
        horizons = list(walk[0]["scores"]["CRPS by horizon"])
        rows = []
        for name, runs in _ordered(entry, "CRPS"):
            cells = []
            for horizon in horizons:
                mine = mean_score(runs, "CRPS by horizon", horizon)
                ratio = mine / mean_score(walk, "CRPS by horizon", horizon)
                cells.append(f"{mine:.3f}" + ("" if name == WALK else f" ({100 * (ratio - 1):+.1f} %)"))
            rows.append([name, *cells, f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])
        return table([title, *(f"{horizon} bars" for horizon in horizons), "90 % coverage", "training"], rows)

    return made


def _transfer(entry: Mapping[str, Any]) -> str:
    rows = []
    for name, runs in _ordered(entry, "CRPS9"):
        windows = by_window(runs, "CRPS9 by window")
        error = windows.std(ddof=1) / len(windows) ** 0.5
        score = _seeds(f"{mean_score(runs, 'CRPS9'):.4f} ± {error:.4f}", runs, 4, "CRPS9")
        rows.append([name, score, f"{mean_score(runs, 'coverage 90'):.1%}"])
    return table(["oil temperature from 60 days of it", "CRPS9 ± standard error", "90 % coverage"], rows)


_TABLES: dict[str, Any] = {
    "transfer": _transfer,
    "exchange_rate": _exchange_rate,
    "etth1": _etth1,
    "eurusd": _currency("EURUSD, hourly, CRPS in bp"),
    "gbpusd": _currency("GBPUSD, minutes, CRPS in bp"),
}


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])
