"""The summary as markdown: one table for each task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from goals import DECILES, by_the_clock, gain, training_minutes
from markdown_table import table
from summary import (
    DEFAULTS,
    WALK,
    Summary,
    by_window,
    change_of_paths,
    crps_at,
    gain_at,
    horizons_of,
    mean_score,
    paired,
    same_seeds,
    signed,
    spread_over_seeds,
    standard_error_of,
    variant_of,
)

from sssd_registry.evaluation.path_scores import SCORED

# Ten times the score: no number of it says more.
_DIVERGED = 10.0
# Forecasters are kept in the results by the names they had when they were measured.
_SHOWN = {"linear start alone": "linear baseline alone"}
_NO_SPREAD = re.compile(r" \(seeds ± 0\.0+\)")


def tables(summary: Summary) -> str:
    """One markdown table for each task, forecasters by their main score."""
    return "\n\n".join(_TABLES[task](entry) for task, entry in summary.items() if task in _TABLES)


def path_tables(summary: Summary) -> str:
    """How well whole paths are known: one table for each task where the product's defaults were scored so."""
    return "\n\n".join(
        _paths(task, entry) for task, entry in summary.items() if _scored_paths(entry["forecasters"].get(DEFAULTS, ()))
    )


def _scored_paths(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Scores of the runs whose paths were scored."""
    return [run["scores"] for run in runs if "functionals" in run["scores"]]


def _paths(task: str, entry: Mapping[str, Any]) -> str:
    """Forecasters by their energy score; the defaults' own marginals joined otherwise stand among them."""
    found = {name: one[0] for name, runs in entry["forecasters"].items() if (one := _scored_paths(runs))}
    for how, scores in entry["forecasters"][DEFAULTS][0].get("its marginals", {}).items():
        found[f"its marginals, {how}"] = scores
    ours, rows = found[DEFAULTS], []
    for name, one in sorted(found.items(), key=lambda item: float(item[1]["energy"])):
        covered = [f"{one['functionals'][functional]['coverage 90']:.0%}" for functional in SCORED]
        rows.append(
            [_SHOWN.get(name, name), *(_beside(entry, one, ours, score) for score in ("energy", "variogram")), *covered]
        )
    head = [f"{task}: paths", "energy score (to the defaults, 95 %)", "variogram score (to the defaults, 95 %)"]
    return table([*head, *(f"{name}, 90 % covers" for name in SCORED)], rows)


def _beside(entry: Mapping[str, Any], scores: Mapping[str, Any], ours: Mapping[str, Any], name: str) -> str:
    """A score, and by what share it differs from another's on the same windows."""
    if scores is ours:
        return f"{scores[name]:.4g}"
    share, half = change_of_paths(entry, scores[f"{name} by window"], ours[f"{name} by window"])
    return f"{scores[name]:.4g} ({signed(share, half)})"


def _ordered(entry: Mapping[str, Any], *path: str) -> list[tuple[str, Any]]:
    named = entry["forecasters"].items()
    return sorted(named, key=lambda item: mean_score(item[1], *path))


def _task_table(head: Sequence[str], rows: Sequence[Sequence[str]], entry: Mapping[str, Any]) -> str:
    """A table of forecasters by name, the minutes of their training last; rows that score alike are one row."""
    alike: dict[tuple[str, ...], list[Sequence[str]]] = {}
    for row in rows:
        alike.setdefault(tuple(_NO_SPREAD.sub("", cell) for cell in row[1:-1]), []).append(row)
    unused = {name for name, runs in entry["forecasters"].items() if all(run.get("best step") == 0 for run in runs)}
    return table(head, [_one_row(scores, group, unused) for scores, group in alike.items()])


def _one_row(scores: Sequence[str], group: Sequence[Sequence[str]], unused: set[str]) -> list[str]:
    if len(group) == 1:
        name, *cells = group[0]
        return [_SHOWN.get(name, name), *cells]
    idle = sorted(row[0].removeprefix("sssd ") for row in group if row[0] in unused)
    names = [_SHOWN.get(row[0], row[0]) for row in group if row[0] not in unused]
    names += [f"sssd, network left out: {', '.join(idle)}"] if idle else []
    return ["; ".join(names), *scores, _range([row[-1] for row in group if row[-1]])]


def _range(minutes: Sequence[str]) -> str:
    """Write the range from the shortest to the longest of texts such as ``1.4 min``."""
    if len(set(minutes)) < 2:
        return minutes[0] if minutes else ""
    least, most = (end(minutes, key=lambda text: float(text.split()[0])) for end in (min, max))
    return f"{least.split()[0]} to {most}"


def _minutes(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean over seeds, of all networks that a forecast takes."""
    taken = [minutes * run.get("networks", 1) for run in runs if (minutes := training_minutes(run)) is not None]
    on_two = " of two" if any(map(by_the_clock, runs)) else ""
    return f"{np.mean(taken):.1f} min{on_two}" if taken else ""


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
        many = f"{mean_score(runs, 'wQL'):.5f} ± {standard_error_of(runs, 'loss by window'):.5f}"
        rows.append([name, few, many, versus, f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])  # fmt: skip
    head = ["exchange_rate, 30 days", "wQL, GluonTS's 5 windows", "wQL, 50 windows ± standard error",
            "difference to the random walk, 95 %", "90 % coverage", "training, one core"]  # fmt: skip
    return _task_table(head, rows, entry)


def _deciles(runs: Sequence[Mapping[str, Any]]) -> str:
    error = standard_error_of(runs, "CRPS9 by window")
    return _seeds(f"{mean_score(runs, 'CRPS9'):.4f} ± {error:.4f}", runs, 4, "CRPS9")


def _etth1(entry: Mapping[str, Any]) -> str:
    rows = []
    for name, runs in _ordered(entry, "CRPS9"):
        if variant_of(name) is None:
            rows.append([name, _deciles(runs), f"{mean_score(runs, 'MSE'):.3f}",
                         f"{mean_score(runs, 'MAE'):.3f}", f"{mean_score(runs, 'coverage 90'):.1%}",
                         _minutes(runs)])  # fmt: skip
    head = ["ETTh1, 24 hours", f"{DECILES} ± standard error", "MSE", "MAE", "90 % coverage", "training, one core"]
    return "\n\n".join([_task_table(head, rows, entry), *_ways(entry)])


def _ways(entry: Mapping[str, Any]) -> list[str]:
    """One table for each network that was also trained as variants: what each changed, seed by seed."""
    bases = sorted({variant[0] for name in entry["forecasters"] if (variant := variant_of(name))}, reverse=True)
    return [_variants_of(entry["forecasters"], base) for base in bases if base in entry["forecasters"]]


def _variants_of(forecasters: Mapping[str, Any], base: str) -> str:
    plain = forecasters[base]
    tried = {
        variant[1]: runs for name, runs in forecasters.items() if (variant := variant_of(name)) and variant[0] == base
    }
    rows = [["as it is", f"{_validations(plain).mean():.4f}", "", _deciles(plain), "", _minutes(plain)]]
    for variant, runs in sorted(tried.items(), key=lambda item: _change(item[1], plain)):
        less, half = gain(runs, same_seeds(runs, plain))
        if less < -_DIVERGED:
            rows.append([variant, "diverges", "", "diverges", "", _minutes(runs)])
            continue
        validated = f"{_validations(runs).mean():.4f}" if len(_validations(runs)) else ""
        rows.append(
            [variant, validated, _by_seed(runs, plain), _deciles(runs), f"{-less:+.1%} ± {half:.1%}", _minutes(runs)]
        )
    head = [f"{base}, trained otherwise", "validation CRPS", "change; least and most of the seeds",
            f"{DECILES} ± standard error", "change, 95 % over windows", "training, one core"]  # fmt: skip
    return table(head, rows)


def _validations(runs: Sequence[Mapping[str, Any]]) -> Any:
    return np.array([run["validation CRPS"] for run in runs if "validation CRPS" in run])


def _change(runs: Sequence[Mapping[str, Any]], plain: Sequence[Mapping[str, Any]]) -> float:
    """Return the change of the mean validation CRPS, as a share; infinite, and so last, where there is none."""
    mine = _validations(runs)
    return float(mine.mean() / _validations(same_seeds(runs, plain)).mean() - 1) if len(mine) else np.inf


def _by_seed(runs: Sequence[Mapping[str, Any]], plain: Sequence[Mapping[str, Any]]) -> str:
    mine = _validations(runs)
    if len(mine) == 0:
        return ""
    each = mine / _validations(same_seeds(runs, plain)) - 1
    spread = f"; {each.min():+.1%} to {each.max():+.1%}" if len(each) > 1 else ""
    return f"{_change(runs, plain):+.1%}{spread}"


def _currency(title: str) -> Any:
    def made(entry: Mapping[str, Any]) -> str:
        horizons = horizons_of(entry)
        rows = []
        for name, runs in _ordered(entry, "CRPS"):
            cells = [_crps_at(entry, name, horizon) for horizon in horizons]
            mean = _seeds(f"{mean_score(runs, 'CRPS'):.3f}", runs, 3, "CRPS")
            rows.append([name, mean, *cells, f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])
        head = [title, "mean", *(f"{horizon} bars" for horizon in horizons)]
        return _task_table([*head, "90 % coverage", "training, one core"], rows, entry)

    return made


def _crps_at(entry: Mapping[str, Any], name: str, horizon: str) -> str:
    mean, error = crps_at(entry, name, horizon)
    gain, half = gain_at(entry, name, horizon)
    return f"{mean:.3f} ± {error:.3f}" + ("" if name == WALK else f" ({-gain:+.1%} ± {half:.1%})")


def _transfer(entry: Mapping[str, Any]) -> str:
    rows = []
    for name, runs in _ordered(entry, "CRPS9"):
        rows.append([_SHOWN.get(name, name), _deciles(runs), f"{mean_score(runs, 'coverage 90'):.1%}"])
    return table(["oil temperature from 60 days of it", f"{DECILES} ± standard error", "90 % coverage"], rows)


def _seasonal(title: str, unit: str) -> Any:
    def made(entry: Mapping[str, Any]) -> str:
        rows = []
        for name, runs in _ordered(entry, "CRPS9"):
            shown = (("CRPS9", 1), ("wQL", 4), ("MASE", 3))
            cells = [f"{mean_score(runs, score):.{digits}f}" for score, digits in shown]
            rows.append([name, *cells, f"{mean_score(runs, 'coverage 90'):.1%}", _minutes(runs)])
        head = [title, f"{DECILES}, {unit}", "wQL", "MASE", "90 % coverage", "training, one core"]
        return _task_table(head, rows, entry)

    return made


_TABLES: dict[str, Any] = {
    "transfer": _transfer,
    "exchange_rate": _exchange_rate,
    "etth1": _etth1,
    "eurusd": _currency("EURUSD, hourly, CRPS in bp ± standard error (to the random walk, 95 %)"),
    "m4_hourly": _seasonal("M4 Hourly, 48 hours of 414 series", "of all sizes"),
    "bike": _seasonal("rentals of bicycles, 24 hours", "bicycles"),
    "vic_elec": _seasonal("electricity in Victoria, 48 half hours", "MW"),
    "gbpusd": _currency("GBPUSD, minutes, CRPS in bp ± standard error (to the random walk, 95 %)"),
}
