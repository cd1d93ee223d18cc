"""Summary of the results' files, and what is read from it: means, spreads, paired differences.

A mean over windows comes with its standard error; over seeds, where there are several, with theirs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sssd_registry.data.effective_windows import one_series
from sssd_registry.evaluation.scores import standard_error
from sssd_registry.files.atomic import atomic_file

ROOT = Path(__file__).parents[2]
SUMMARY = ROOT / "benchmarks" / "accuracy.json"
WALK = "random walk"
# What `sssd train` gives, told targets and horizons and nothing else.
DEFAULTS = "defaults of sssd train"
# exchange_rate's own test set in GluonTS: the first five windows.
FEW = 5
_Z = 1.96

Summary = dict[str, dict[str, Any]]


def write_summary(results: Path, summary: Path = SUMMARY) -> None:
    """Gather every result of a folder into one JSON file; what it has of others, measured elsewhere, stays."""
    trees = _known(summary)
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
    with atomic_file(summary) as new:
        new.write_text(json.dumps(rounded, indent=None, separators=(",", ":")) + "\n")


def _known(summary: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Results that a summary has, by task, forecaster and seed."""
    return {
        (task, forecaster, run["seed"]): {"task": task, "forecaster": forecaster, "data": entry["data"], **run}
        for task, entry in read_summary(summary).items()
        for forecaster, runs in entry["forecasters"].items()
        for run in runs
    }


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


def standard_error_of(runs: Sequence[Mapping[str, Any]], score: str, first: int | None = None) -> float:
    """Over windows that do not overlap, all or the first few."""
    windows = by_window(runs, score)[:first]
    return float(windows.std(ddof=1) / len(windows) ** 0.5)


def paired(ours: Any, theirs: Any) -> tuple[float, float]:
    """Mean difference over windows, and half the width of its 95 % interval (normal approximation)."""
    difference = np.asarray(ours) - np.asarray(theirs)
    return float(difference.mean()), float(_Z * difference.std(ddof=1) / len(difference) ** 0.5)


def horizons_of(entry: Mapping[str, Any]) -> list[str]:
    """A currency's horizons, in bars."""
    return list(entry["forecasters"][WALK][0]["scores"]["CRPS by window"])


def crps_at(entry: Mapping[str, Any], name: str, horizon: str) -> tuple[float, float]:
    """A currency's CRPS at a horizon and its standard error, windows that overlap counted as fewer."""
    return _mean_and_error(entry, _at_horizon(entry, name, horizon), horizon)


def gain_at(entry: Mapping[str, Any], name: str, horizon: str) -> tuple[float, float]:
    """Return by how much that is below the random walk's, as a share of it, and half of its 95 % interval."""
    walk = _at_horizon(entry, WALK, horizon)
    difference, error = _mean_and_error(entry, walk - _at_horizon(entry, name, horizon), horizon)
    return difference / float(walk.mean()), _Z * error / float(walk.mean())


def change_of_paths(entry: Mapping[str, Any], scores: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return by what share paths' scores are above others', window by window, and half of its 95 % interval.

    Windows that overlap within the farthest horizon count as fewer; of a single window it is NaN.
    """
    theirs = np.asarray(others)
    difference = np.asarray(scores) - theirs
    longest = max(map(int, entry["forecasters"][WALK][0]["scores"]["CRPS by horizon"]))
    places = one_series(len(theirs), int(entry["data"].get("stride", longest)))
    error = standard_error(difference[:, None, None], (float(longest),), places) if len(theirs) > 1 else np.nan
    return float(difference.mean() / theirs.mean()), float(_Z * error / theirs.mean())


def signed(share: float, half: float) -> str:
    """Write a change and half of its interval, where that is known."""
    return f"{share:+.1%}" + (f" ± {half:.1%}" if np.isfinite(half) else "")


def _at_horizon(entry: Mapping[str, Any], name: str, horizon: str) -> Any:
    return np.mean([run["scores"]["CRPS by window"][horizon] for run in entry["forecasters"][name]], axis=0)


def _mean_and_error(entry: Mapping[str, Any], values: Any, horizon: str) -> tuple[float, float]:
    places = one_series(len(values), int(entry["data"]["stride"]))
    return float(values.mean()), standard_error(values[:, None, None], (float(horizon),), places)


def best_of_ours(entry: Mapping[str, Any]) -> str:
    """The head with the lowest validation CRPS: chosen without a look at the test part."""
    mine = {
        name: float(np.mean([run["validation CRPS"] for run in runs]))
        for name, runs in entry["forecasters"].items()
        if name.startswith("sssd") and variant_of(name) is None and WALK not in name
    }
    return min(mine, key=mine.__getitem__)


def variant_of(name: str) -> tuple[str, str] | None:
    """Split the name of a network trained as a variant: what it is compared with, and the variant."""
    head, *rest = name.split(", ")
    if rest and rest[0] == f"from the {WALK}":
        head, rest = f"{head}, {rest[0]}", rest[1:]
    return (head, ", ".join(rest)) if rest and name.startswith("sssd") else None


def same_seeds(runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of ``others`` with the seeds of ``runs``; all, where a run is of several networks."""
    if any(run.get("networks", 1) > 1 for run in runs):
        return list(others)
    seeds = {run["seed"] for run in runs}
    return [run for run in others if run["seed"] in seeds]


def _at(tree: Any, path: Sequence[str]) -> float:
    for key in path:
        tree = tree[key]
    return float(tree)
