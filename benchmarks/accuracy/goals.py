"""The goals of the accuracy benchmark, and whether they were reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from summary import (
    FEW,
    WALK,
    best_of_ours,
    by_window,
    gain_at,
    horizons_of,
    mean_score,
    paired,
    standard_error_of,
)

FROM_WALK = ", from the random walk"
# The results' key CRPS9 as texts call it: twice the mean pinball loss at 0.1, 0.2, …, 0.9.
DECILES = "CRPS over the deciles"
BASELINE = "linear baseline"

Trees = Mapping[str, Any]
Goal = tuple[str, str, str]


def gain_over(entry: Trees, ours: str, theirs: str) -> tuple[float, float]:
    """Return by how much ``ours`` is below ``theirs``, as a share, and half of its 95 % interval; see :func:`gain`."""
    return gain(entry["forecasters"][ours], entry["forecasters"][theirs])


def gain(ours: Sequence[Trees], theirs: Sequence[Trees]) -> tuple[float, float]:
    """The same of runs: CRPS over the deciles, averaged over seeds and paired by window."""
    mine, other = (by_window(runs, "CRPS9 by window") for runs in (ours, theirs))
    difference, half = paired(mine, other)
    return -difference / float(other.mean()), half / float(other.mean())


def steps_ratios(summary: Trees) -> list[float]:
    """CRPS of 20 steps over that of 100, the same noise, of every network that training improved."""
    return [
        run["CRPS by steps"]["20"] / run["CRPS by steps"]["100"]
        for entry in summary.values()
        for runs in entry.get("forecasters", {}).values()
        for run in runs
        if run.get("best step") and "CRPS by steps" in run
    ]


def within_one_percent(ratios: list[float]) -> str:
    """Count the networks that lose at most one per cent by 20 steps."""
    return f"{sum(ratio <= 1.01 for ratio in ratios)} of {len(ratios)} networks"


def by_the_clock(run: Trees) -> bool:
    """Tell whether a run was trained on two cores, and timed."""
    return run["threads"] == 2 and "training seconds" in run


def training_minutes(run: Trees) -> float | None:
    """Return the minutes of training one network; None where nothing was trained.

    By the clock where it had two cores; else the time of one core, which is no less.
    """
    if by_the_clock(run):
        return float(run["training seconds"]) / 60
    seconds = run.get("training core-seconds")
    return None if seconds is None else float(seconds) / run.get("networks", 1) / 60


def exchange_goal(summary: Trees) -> list[Goal]:
    entry = summary.get("exchange_rate")
    if entry is None:
        return []
    best = best_of_ours(entry)
    runs = entry["forecasters"][best]
    few, error = mean_score(runs, "wQL, five windows"), standard_error_of(runs, "loss by window", FEW)
    difference, half = paired(
        by_window(runs, "loss by window"), by_window(entry["forecasters"][WALK], "loss by window")
    )
    return [
        ("exchange_rate, five windows: wQL ≤ .0070", f"{few:.5f} ± {error:.5f} ({best})", reached(few <= 0.0070)),
        ("exchange_rate, 50 windows: surely below the random walk", f"{difference:+.5f} ± {half:.5f}",
         reached(difference + half < 0)),
    ]  # fmt: skip


def etth1_goal(summary: Trees) -> list[Goal]:
    entry = summary.get("etth1")
    if entry is None:
        return []
    best = best_of_ours(entry)
    runs = entry["forecasters"][best]
    value, error = mean_score(runs, "CRPS9"), standard_error_of(runs, "CRPS9 by window")
    rows: list[Goal] = [(f"ETTh1: {DECILES} ≤ .260", f"{value:.4f} ± {error:.4f} ({best})", reached(value <= 0.260))]
    for mlp in (f"sssd mlp{FROM_WALK}", "sssd mlp"):
        if mlp in entry["forecasters"]:
            gain, half = gain_over(entry, best, mlp)
            start = "from the random walk" if FROM_WALK in mlp else BASELINE
            text = f"ETTh1: best ≥ 15 % below our MLP head ({start})"
            rows.append((text, f"{gain:.1%} ± {half:.1%}", reached(gain >= 0.15)))
    return rows


def currency_goal(summary: Trees) -> list[Goal]:
    rows: list[Goal] = []
    for task in ("eurusd", "gbpusd"):
        entry = summary.get(task)
        if entry is None:
            continue
        best = best_of_ours(entry)
        gains = {horizon: gain_at(entry, best, horizon) for horizon in horizons_of(entry)}
        text = ", ".join(f"{horizon}: {gain:.1%} ± {half:.1%}" for horizon, (gain, half) in gains.items())
        reached = [gain >= 0.02 for gain, _ in gains.values()]
        verdict = "reached" if all(reached) else f"reached at {sum(reached)} of {len(reached)} horizons"
        goal = f"{task.upper()}: CRPS ≥ 2 % below the volatility-scaled Gaussian at every horizon"
        rows.append((goal, f"{text} ({best})", verdict if any(reached) else "not reached"))
    return rows


def common_goals(summary: Trees) -> list[Goal]:
    covered = {
        task: mean_score(entry["forecasters"][best_of_ours(entry)], "coverage 90")
        for task, entry in summary.items()
        if task != "transfer"
    }
    minutes = [
        taken
        for entry in summary.values()
        for runs in entry.get("forecasters", {}).values()
        for run in runs
        if (taken := training_minutes(run)) is not None
    ]
    ratios = steps_ratios(summary)
    farthest = max(ratios, default=0.0)
    return [
        ("90 % intervals cover 87 to 93 % on all", ", ".join(f"{task} {share:.1%}" for task, share in covered.items()),
         reached(all(0.87 <= share <= 0.93 for share in covered.values()))),
        ("20-step CRPS within 1 % of 100-step", f"{within_one_percent(ratios)}, at most {farthest:.4f} of it",
         reached(0 < farthest <= 1.01)),
        ("training a network ≤ 10 minutes on 2 cores",
         f"longest {max(minutes):.1f} minutes" if minutes else "",
         reached(bool(minutes) and max(minutes) <= 10)),
    ]  # fmt: skip


def reached(yes: bool) -> str:
    """Return the verdict as tables have it."""
    return "reached" if yes else "not reached"


GOALS: tuple[Callable[[Trees], list[Goal]], ...] = (exchange_goal, etth1_goal, currency_goal, common_goals)
