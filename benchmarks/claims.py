"""The claims this project grew from, and what was measured of each.

``make claims`` puts the table into docs/claims.md (and those of accuracy into docs/benchmarks.md).

Accuracy comes from ``make accuracy`` (benchmarks/accuracy.json), speed from ``make bench``, schedulers from ``make
compare``. A verdict follows from the figures by the rule in its function; none is written by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.insert(0, str(ROOT / "benchmarks" / "accuracy"))

from documents import BENCHMARKS, CLAIMS_PAGE, fill, fill_headline  # noqa: E402
from goals import BASELINE, DECILES, FROM_WALK, GOALS, gain_over, steps_ratios, within_one_percent  # noqa: E402
from goals_of_defaults import goals_of_defaults  # noqa: E402
from markdown_table import table  # noqa: E402
from report import path_tables, tables  # noqa: E402
from summary import best_of_ours, mean_score, read_summary, spread_over_seeds  # noqa: E402

HOLDS, PARTLY, FAILS, OPEN = "holds", "partly", "does not hold", "not measured"

Row = tuple[str, str, str, str]
Trees = Mapping[str, Any]


def main() -> None:
    summary = read_summary()
    bench, compared = (_read(ROOT / "runs" / name) for name in ("bench.json", "compare.json"))
    rows = [row for claim in CLAIMS for row in claim(_with_heads(summary), bench, compared)]
    goals = table(["goal", "measured", "verdict"], [list(row) for row in goal_rows(summary)])
    fill(BENCHMARKS, {"accuracy": tables(summary), "paths": path_tables(summary), "goals": goals})
    fill(CLAIMS_PAGE, {"claims": table(["claim", "measured", "on", "verdict"], [list(row) for row in rows])})
    fill_headline()


def goal_rows(summary: Trees) -> list[tuple[str, str, str]]:
    """Goals of our heads and of the defaults, each with what was measured and the verdict."""
    return [row for goal in GOALS for row in goal(_with_heads(summary))] + goals_of_defaults(summary)


def _with_heads(summary: Trees) -> dict[str, Any]:
    """Tasks that our heads were trained on: where there are peers alone, or the defaults, nothing follows for heads."""
    return {task: one for task, one in summary.items() if any(name.startswith("sssd") for name in one["forecasters"])}


def _read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else {}


def _verdict(gain: float, half: float, claimed: float) -> str:
    """Holds where the gain reaches the claim, partly where it is surely above nothing."""
    if gain >= claimed:
        return HOLDS
    return PARTLY if gain - half > 0 else FAILS


def heads(summary: Trees, *_: Any) -> list[Row]:
    """The three claims on heads, where the network has most to do: ETTh1 from the random walk."""
    entry = summary.get("etth1")
    rows: list[Row] = []
    for text, head, claimed in (
        ("a 1-D U-Net head is 10–15 % more accurate than the MLP", "unet1d", 0.10),
        ("with attention 20–25 %", "unet1d-attn", 0.20),
    ):
        for start, words in ((FROM_WALK, "network alone (from the random walk)"), ("", BASELINE)):
            names = f"sssd {head}{start}", f"sssd mlp{start}"
            if entry is None or not set(names) <= set(entry["forecasters"]):
                rows.append((text, "", "ETTh1", OPEN))
                continue
            gain, half = gain_over(entry, *names)
            rows.append(
                (text, f"{gain:+.1%} ± {half:.1%}", f"ETTh1, {DECILES}, {words}", _verdict(gain, half, claimed))
            )
    if entry is not None and f"sssd mlp{FROM_WALK}" in entry["forecasters"]:
        best = best_of_ours(entry)
        gain, half = gain_over(entry, best, f"sssd mlp{FROM_WALK}")
        text = f"{gain:+.1%} ± {half:.1%} ({best}, {BASELINE}, against the MLP from the random walk)"
        rows.append(("the full pipeline 30–40 %", text, f"ETTh1, {DECILES}", _verdict(gain, half, 0.30)))
    return rows


def stability(summary: Trees, *_: Any) -> list[Row]:
    """EMA and LR schedule: the spread over three seeds, and how rough the validation curve is."""
    entry = summary.get("etth1", {"forecasters": {}})["forecasters"]
    base = entry.get(f"sssd mlp{FROM_WALK}", [])
    rows: list[Row] = []
    for what in ("EMA", "LR schedule"):
        other = entry.get(f"sssd mlp{FROM_WALK}, without {what}", [])
        claim = f"{what} trains more stably"
        if len(base) < 3 or len(other) < 3:
            rows.append((claim, "", "ETTh1", OPEN))
            continue
        spread, spread_without = (spread_over_seeds(runs, "CRPS9") or 0.0 for runs in (base, other))
        rough, rough_without = _roughness(base), _roughness(other)
        better = (spread < spread_without) + (rough < rough_without)
        text = (
            f"{DECILES} {mean_score(base, 'CRPS9'):.4f}, without {mean_score(other, 'CRPS9'):.4f}; over 3 seeds ±"
            f" {spread:.4f}, without ± {spread_without:.4f}; a validation is {rough:.4f} above the one before, without"
            f" {rough_without:.4f}"
        )
        rows.append((claim, text, "ETTh1, MLP from the random walk", (FAILS, PARTLY, HOLDS)[better]))
    return rows


def _roughness(runs: list[Any]) -> float:
    """Mean rise from one validation to the next, falls counted as none."""
    rises = [np.maximum(np.diff([score for _, score in run["validations"][1:]]), 0).mean() for run in runs]
    return float(np.mean(rises))


def precision(_: Trees, bench: Trees, *__: Any) -> list[Row]:
    """Judge the claim on the device that `make bench` had; it is a GPU that the claim is of."""
    claim, made = "mixed precision is 2× faster", bench.get("mixed precision")
    if made is None:
        return [(claim, "", "needs a GPU", OPEN)]
    verdict = HOLDS if made["faster"] >= 2 else PARTLY if made["faster"] > 1 else FAILS
    gpu = "" if "CPU" not in made["device"] else "; not measured on a GPU"
    text = f"a training step in bf16 {_times(made['by round'])} as fast"
    return [(claim, text, f"{made['device']}, reference sizes{gpu}; middle half of the rounds", verdict)]


def direction(summary: Trees, *_: Any) -> list[Row]:
    """Directional accuracy: holds at 65 %, partly where its interval lies above one half."""
    rows: list[Row] = []
    for task, title in (("eurusd", "EURUSD, hours"), ("gbpusd", "GBPUSD, minutes")):
        entry = summary.get(task)
        claim = "directional accuracy on FX rises from 55 % to 65–70 %"
        if entry is None:
            rows.append((claim, "", title, OPEN))
            continue
        best = best_of_ours(entry)
        parts, verdicts = [], []
        for horizon in entry["forecasters"][best][0]["scores"]["direction"]:
            share, half = (
                mean_score(entry["forecasters"][best], "direction", horizon, key) for key in ("share", "half width")
            )
            parts.append(f"{horizon}: {share:.1%} ± {half:.1%}")
            verdicts.append(HOLDS if share - half > 0.55 and share >= 0.65 else PARTLY if share - half > 0.5 else FAILS)
        verdict = verdicts[0] if len(set(verdicts)) == 1 else PARTLY
        rows.append((claim, ", ".join(parts), f"{title}, {best}", verdict))
    return rows


def speed(_: Trees, bench: Trees, compared: Trees) -> list[Row]:
    """Loops and whole forecasts, as ``make bench`` timed them."""
    if not bench:
        return []
    sizes = ("reference", "demo")
    fewer = [bench[f"20 steps for 100, {size} sizes"] for size in sizes]
    least, most = (one(made["ratio"] for made in fewer) for one in (min, max))
    verdict = HOLDS if least >= 5 else PARTLY if most >= 5 else FAILS
    text = f"{_each(fewer)} (20 steps for 100, eager)"
    rows: list[Row] = [("5–10× faster sampling", text, "reference / demo sizes", verdict)]
    slow = "DDIM-100, diffusers, eager"
    loops = [bench[f"loop, {size} sizes"][slow] for size in sizes]
    whole = [bench[f"workload {name}"]["rows"][slow] for name in "AC"]
    distilled = [bench[f"workload {name}"]["tuned, by round"]["distilled, as --auto chose"] for name in "AC"]
    least, most = (one(made["ratio"] for made in loops + whole) for one in (min, max))
    verdict = HOLDS if least >= 10 else PARTLY if most >= 10 else FAILS
    text = (
        f"loop in fp32 {_each(loops)}; whole forecast, best engine of 20 steps {_each(whole)},"
        f" distilled {_each(distilled)}"
    )
    rows.append(("10× with the engine", text, "against DDIM-100; reference / demo sizes; middle half of the rounds",
                 verdict))  # fmt: skip
    if compared:
        good = {row["scheduler"] for row in compared["rows"] if row["good_enough"]}
        every = {row["scheduler"] for row in compared["rows"]}
        text = f"{len(good)} of {len(every)} schedulers within {compared['tolerance']:.0%} of the best on one model"
        rows.append(("no retraining for another scheduler", text, f"{compared['windows']} validation windows",
                     HOLDS if good == every else PARTLY))  # fmt: skip
    return rows


def _times(made: Trees) -> str:
    """A ratio, and the middle half of a run's rounds."""
    return f"{made['ratio']:.1f}× ({made['lower']:.1f}–{made['upper']:.1f})"


def _each(made: list[Any]) -> str:
    return " / ".join(map(_times, made))


def quality(summary: Trees, *_: Any) -> list[Row]:
    """20 steps against 100 with the same noise, worst and best over tasks and heads."""
    claim, ratios = "same or 5 % better quality in 20 steps", steps_ratios(summary)
    if not ratios:
        return [(claim, "", "", OPEN)]
    verdict = HOLDS if max(ratios) <= 1.01 else PARTLY if min(ratios) <= 1.01 else FAILS
    text = f"CRPS of 20 steps is {min(ratios):.4f} to {max(ratios):.4f} of 100 steps"
    return [(claim, text, f"{within_one_percent(ratios)} within 1 %", verdict)]


CLAIMS: tuple[Callable[..., list[Row]], ...] = (heads, stability, precision, direction, speed, quality)

if __name__ == "__main__":
    main()
