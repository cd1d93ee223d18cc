"""Goals of the defaults follow from the figures."""

from __future__ import annotations

from typing import Any

import pytest

FUNCTIONALS = ("mean", "max", "min", "range", "last-first")


def scores(value: float, covered: float = 0.9, energy: float = 1.0) -> dict[str, Any]:
    paths = {f"{name} by window": [energy, 1.1 * energy, 0.9 * energy] for name in ("energy", "variogram")}
    functionals = {name: {"coverage 90": covered} for name in FUNCTIONALS}
    marginals = {"CRPS9": value, "MASE": value, "wQL": value, "coverage 90": covered, "CRPS by horizon": {"1": 1.0}}
    return marginals | paths | {"functionals": functionals}


def summary(accuracy: Any, task: str, ours: float, peer: float, **more: float) -> dict[str, Any]:
    forecasters = {
        accuracy.summary.DEFAULTS: [{"seed": 0, "best step": 250, "scores": scores(ours)}],
        "random walk": [{"seed": 0, "scores": scores(90.0)}],
        "peer": [{"seed": 0, "scores": scores(peer, **more)}],
        "sssd mlp": [{"seed": 0, "scores": scores(0.0)}],
    }
    return {task: {"data": {"stride": 1}, "forecasters": forecasters}}


def verdicts(accuracy: Any, found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {goal: (text, verdict) for goal, text, verdict in accuracy.goals_of_defaults.goals_of_defaults(found)}


@pytest.mark.parametrize(("value", "verdict"), [(0.84, "reached"), (0.86, "not reached")])
def test_a_limit_is_reached_or_not(accuracy: Any, value: float, verdict: str) -> None:
    assert (
        verdicts(accuracy, summary(accuracy, "m4_hourly", value, 1.0))["M4 Hourly, defaults: MASE ≤ .85"][1] == verdict
    )


@pytest.mark.parametrize(("peer", "verdict"), [(31.0, "reached"), (29.0, "not reached")])
def test_our_own_are_no_peers(accuracy: Any, peer: float, verdict: str) -> None:
    text, found = verdicts(accuracy, summary(accuracy, "bike", 30.0, peer))["bike, defaults: below every peer"]
    assert found == verdict
    assert "(peer)" in text
    assert "mlp" not in text


def test_who_draws_better_paths_is_named(accuracy: Any) -> None:
    goals = verdicts(accuracy, summary(accuracy, "bike", 30.0, 31.0, energy=0.9))
    text, found = goals["defaults: energy score below every peer that draws paths"]
    assert found == "not reached"
    assert text.startswith("1 of 2; not below bike, peer (-10.0%")


def test_what_was_not_measured_is_no_goal(accuracy: Any) -> None:
    assert accuracy.goals_of_defaults.goals_of_defaults({"bike": {"forecasters": {}}}) == []
