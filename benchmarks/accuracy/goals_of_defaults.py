"""Goals of the product's defaults, and whether they were reached: what anyone gets who names columns and horizons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from goals import DECILES, Goal, reached
from summary import DEFAULTS, change_of_paths, mean_score, signed

from sssd_registry.evaluation.path_scores import SCORED

Trees = Mapping[str, Any]
# Of ours, which are no peers.
_OURS = ("sssd", "linear start", "Gaussian", DEFAULTS)


def goals_of_defaults(summary: Trees) -> list[Goal]:
    """One row for each goal whose data have been measured."""
    entries = {task: entry for task, entry in summary.items() if DEFAULTS in entry["forecasters"]}
    rows = [
        row
        for task, score, limit, text in _LIMITS
        if task in entries
        for row in _limit(entries[task], score, limit, text)
    ]
    rows += [row for task in ("bike", "vic_elec") if task in entries for row in _below_peers(task, entries[task])]
    return rows + [row for goal in _COMMON if entries for row in goal(entries)]


_LIMITS = (
    ("etth1", "CRPS9", 0.262, f"ETTh1, defaults: {DECILES} ≤ .262"),
    ("m4_hourly", "MASE", 0.85, "M4 Hourly, defaults: MASE ≤ .85"),
    ("m4_hourly", "wQL", 0.028, "M4 Hourly, defaults: wQL ≤ .028"),
)


def _limit(entry: Trees, score: str, limit: float, text: str) -> Iterator[Goal]:
    value = mean_score(entry["forecasters"][DEFAULTS], score)
    yield text, f"{value:.4f}", reached(value <= limit)


def _below_peers(task: str, entry: Trees) -> Iterator[Goal]:
    peers = {
        name: mean_score(runs, "CRPS9") for name, runs in entry["forecasters"].items() if not name.startswith(_OURS)
    }
    ours = mean_score(entry["forecasters"][DEFAULTS], "CRPS9")
    if peers:
        best = min(peers, key=peers.__getitem__)
        yield (
            f"{task}, defaults: below every peer",
            f"{ours:.2f}; best peer {peers[best]:.2f} ({best})",
            reached(ours < peers[best]),
        )


def _coverage(entries: Trees) -> Iterator[Goal]:
    found = {task: mean_score(entry["forecasters"][DEFAULTS], "coverage 90") for task, entry in entries.items()}
    text = ", ".join(f"{task} {share:.1%}" for task, share in found.items())
    yield (
        "defaults: 90 % intervals cover 87 to 93 % on all",
        text,
        reached(all(0.87 <= share <= 0.93 for share in found.values())),
    )


def _path_coverage(entries: Trees) -> Iterator[Goal]:
    outside = [
        f"{task} {name} {share:.0%}"
        for task, entry in entries.items()
        for name in SCORED
        if not 0.85 <= (share := _functional(entry, name)) <= 0.93
    ]
    text = f"outside: {', '.join(outside)}" if outside else "all inside"
    yield (
        "defaults: 90 % intervals of paths' mean, max, min, range, last-first cover 85 to 93 %",
        text,
        reached(not outside),
    )


def _functional(entry: Trees, name: str) -> float:
    return mean_score(entry["forecasters"][DEFAULTS], "functionals", name, "coverage 90")


def _paths_beside_peers(entries: Trees) -> Iterator[Goal]:
    """Energy and variogram score beside every forecaster that draws paths, our own marginals joined otherwise too."""
    for score in ("energy", "variogram"):
        lost, compared = [], 0
        for task, entry in entries.items():
            run = entry["forecasters"][DEFAULTS][0]
            peers = {
                name: runs[0]["scores"] for name, runs in entry["forecasters"].items() if not name.startswith(_OURS)
            }
            peers |= run.get("its marginals", {})
            for name, scores in peers.items():
                if f"{score} by window" not in scores:
                    continue
                compared += 1
                share, half = change_of_paths(entry, scores[f"{score} by window"], run["scores"][f"{score} by window"])
                if share < 0:
                    lost.append(f"{task}, {name} ({signed(share, half)})")
        if compared:
            text = f"{compared - len(lost)} of {compared}" + (f"; not below {', '.join(lost)}" if lost else "")
            yield f"defaults: {score} score below every peer that draws paths", text, reached(not lost)


def _networks_kept(entries: Trees) -> Iterator[Goal]:
    kept = [task for task, entry in entries.items() if entry["forecasters"][DEFAULTS][0].get("best step")]
    text = f"{len(kept)} of {len(entries)}" + (f": {', '.join(kept)}" if kept else "")
    yield (
        "defaults: the diffusion network is surely better than its start, and kept, on four of seven sets",
        text,
        reached(len(kept) >= 4),
    )


_COMMON: tuple[Callable[[Trees], Iterator[Goal]], ...] = (
    _coverage,
    _path_coverage,
    _paths_beside_peers,
    _networks_kept,
)
