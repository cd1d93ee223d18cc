"""Our own trackers keep the contract; those of services that are installed, offline."""

from __future__ import annotations

from typing import Any

import pytest

from sssd_registry.plugin_api.registry import registry
from sssd_registry.testing import TrackerConformance
from sssd_registry.testing.trackers import TrackerConformance as Suite

OFFLINE: dict[str, dict[str, Any]] = {"jsonl": {}, "tensorboard": {}, "wandb": {"mode": "offline"}}


def test_every_tracker_is_here() -> None:
    ours = [entry for entry in registry().entries if entry.kind == "tracker" and entry.plugin == "trackers"]
    assert {entry.name for entry in ours} == {*OFFLINE, "mlflow"}  # which has no way to be told of a folder


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("check", [name for name in dir(Suite) if name.startswith("test_")])
@pytest.mark.filterwarnings("default")  # their clients'
def test_it_keeps_the_contract(name: str, check: str, request: pytest.FixtureRequest) -> None:
    if name not in registry().trackers:
        pytest.skip("the extra track is not installed")
    suite: Any = type("One", (TrackerConformance,), {"name": name, "options": OFFLINE[name]})()
    test = getattr(suite, check)
    wanted = test.__func__.__code__.co_varnames[1 : test.__func__.__code__.co_argcount]
    test(**{fixture: request.getfixturevalue(fixture) for fixture in wanted})
