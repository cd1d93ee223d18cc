"""Experiment trackers: what they are told of a training, that nothing of theirs ends it, and that they come by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry import TrackerSpec, load_config, train
from sssd_registry.errors import SSSDError, TrackerWarning
from sssd_registry.plugin_api.discovery import Entry
from sssd_registry.plugin_api.registry import registry
from sssd_registry.training.train import TrainingInterrupted


class Told:
    """A tracker that keeps what it is told, and fails at a step if it is to."""

    def __init__(self, fails_at: float = float("inf")) -> None:
        self.settings: dict[str, Any] = {}
        self.steps: dict[int, dict[str, float]] = {}
        self.fails_at, self.started, self.finished = fails_at, 0, 0

    def start(self) -> None:
        self.started += 1

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, float], step: int) -> None:
        if step >= self.fails_at:
            raise ConnectionError("the service is down")
        self.steps[step] = values

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the registry offer trackers, by name."""

    def add(**trackers: Any) -> None:
        known = registry()
        before = known.entries
        entries = tuple(
            Entry("tracker", name, "s", "p", "d", "1", spec=TrackerSpec(name, "s", lambda run, options, it=it: it))
            for name, it in trackers.items()
        )
        object.__setattr__(known, "entries", (*before, *entries))
        undo.append(lambda: object.__setattr__(known, "entries", before))

    undo: list[Any] = []
    yield add
    for back in reversed(undo):
        back()


def test_a_training_is_told_step_by_step(
    offer: Any, tiny_frame: pd.DataFrame, tiny_settings: list[str], out: Path
) -> None:
    told, other = Told(), Told()
    offer(first=told, second=other)
    pipeline = train(tiny_frame, load_config(None, [*tiny_settings, 'training.trackers=["first", "second"]']), out)
    assert pipeline.record is not None
    assert (told.started, told.finished) == (1, 1)
    assert list(told.steps) == list(range(1, 13))
    assert [step for step, values in told.steps.items() if "validation/score" in values] == [6, 12]
    assert all(values["train/loss"] > 0 for values in told.steps.values())
    assert told.steps[12]["train/learning_rate"] < told.steps[3]["train/learning_rate"]
    assert told.settings["training.batch_size"] == 8
    assert told.settings["model.head"] == "mlp"
    assert all(isinstance(value, bool | int | float | str) for value in told.settings.values())
    assert other.steps == told.steps


def test_a_tracker_that_fails_is_let_go(
    offer: Any, tiny_frame: pd.DataFrame, tiny_settings: list[str], out: Path
) -> None:
    bad, good = Told(fails_at=4), Told()
    offer(bad=bad, good=good)
    settings = [*tiny_settings, 'training.trackers=["bad", "good"]']
    with pytest.warns(TrackerWarning, match="tracker 'bad' failed, .* ConnectionError: the service is down"):
        train(tiny_frame, load_config(None, settings), out)
    assert list(bad.steps) == [1, 2, 3]
    assert len(good.steps) == 12
    assert (out / "config.json").exists()


class Refuses(Told):
    def start(self) -> None:
        raise PermissionError("no key")


def test_one_that_cannot_be_started_is_an_error_before_training(
    offer: Any, tiny_frame: pd.DataFrame, tiny_settings: list[str], out: Path
) -> None:
    good = Told()
    offer(good=good, bad=Refuses())
    settings = [*tiny_settings, 'training.trackers=["good", "bad"]']
    with pytest.raises(SSSDError, match="tracker 'bad' cannot be started: PermissionError: no key"):
        train(tiny_frame, load_config(None, settings), out)
    assert (good.started, good.finished, good.steps) == (1, 1, {})


def test_who_follows_does_not_change_the_run(
    offer: Any, tiny_frame: pd.DataFrame, tiny_settings: list[str], out: Path
) -> None:
    """A run that is taken up again may be followed by others; the steps go on."""

    def stop(progress: Any, _loss: float) -> None:
        if progress.step == 6:
            raise TrainingInterrupted

    first, second = Told(), Told()
    offer(first=first, second=second)
    with pytest.raises(TrainingInterrupted):
        train(tiny_frame, load_config(None, [*tiny_settings, "training.trackers=first"]), out, report=stop)
    assert first.finished == 1
    train(tiny_frame, load_config(None, [*tiny_settings, "training.trackers=second"]), out, resume=True)
    assert list(second.steps) == list(range(7, 13))


def test_a_command_follows_and_refuses(tiny_csv: Path, overrides: list[str], out: Path) -> None:
    asked = ["train", tiny_csv, "--out", out, *overrides]
    assert "no tracker named 'tensorbord'" in error_line(sssd(*asked, "--set", "training.trackers=tensorbord"))
    assert "has no option 'file'" in error_line(sssd(*asked, "--set", "training.trackers=jsonl:file=x"))
    done = sssd(*asked, "--set", "training.trackers=jsonl")
    assert done.code == 0, done.err
    head, *steps = [json.loads(line) for line in (out.parent / "it.logs" / "it.jsonl").read_text().splitlines()]
    assert head["settings"]["training.max_steps"] == 12
    assert [entry["step"] for entry in steps] == list(range(1, 13))
