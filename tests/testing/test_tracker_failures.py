"""Trackers that are wrong: the suite says what about each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sssd_registry.plugin_api.hookspecs import TrackedRun, TrackerSpec
from sssd_registry.testing import TrackerConformance


class Good:
    """A tracker that does as it should, with settings and steps as text in a file."""

    def __init__(self, run: TrackedRun, _options: Any) -> None:
        self.file = run.folder / "run.txt"

    def start(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def store_init_configuration(self, values: Any) -> None:
        self.file.write_text(json.dumps(values))

    def log(self, values: Any, step: int) -> None:
        self.file.write_text(f"{step} {values}")

    def finish(self) -> None:
        pass


class Prints(Good):
    def log(self, values: Any, step: int) -> None:
        print(step, values)


class Early(Good):
    def __init__(self, run: TrackedRun, options: Any) -> None:
        super().__init__(run, options)
        self.start()
        self.file.touch()


class Once(Good):
    def start(self) -> None:
        self.file.parent.mkdir(parents=True)


class WholeNumbers(Good):
    def store_init_configuration(self, values: Any) -> None:
        super().store_init_configuration({name: int(value) for name, value in values.items()})


class NoEnd:
    def __init__(self, *_: Any) -> None:
        pass

    start = store_init_configuration = log = Good.finish


def suite(factory: Callable[..., Any]) -> TrackerConformance:
    spec = TrackerSpec("broken", "for a test", factory)
    made: TrackerConformance = type("Suite", (TrackerConformance,), {"name": "broken", "spec": spec})()
    return made


def test_a_good_one_passes(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    good = suite(Good)
    for number, check in enumerate(
        (good.test_contract, good.test_it_follows_a_training, good.test_a_run_may_be_resumed)
    ):
        check(tmp_path / str(number))
    good.test_a_run_may_end_before_its_first_step(tmp_path / "ends")
    (tmp_path / "new").mkdir()
    good.test_making_one_does_nothing(tmp_path / "new", monkeypatch)
    good.test_it_leaves_standard_output_to_commands(tmp_path / "out", capfd)
    good.test_an_unknown_option_is_refused()


def test_what_is_wrong_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=r"prints .1 \{.train/loss"):
        suite(Prints).test_it_leaves_standard_output_to_commands(tmp_path / "a", capfd)
    (tmp_path / "b").mkdir()
    with pytest.raises(AssertionError, match=r"writes .*run\.txt before start\(\)"):
        suite(Early).test_making_one_does_nothing(tmp_path / "b", monkeypatch)
    with pytest.raises(FileExistsError):
        suite(Once).test_a_run_may_be_resumed(tmp_path / "c")
    with pytest.raises(ValueError, match="invalid literal"):
        suite(WholeNumbers).test_it_follows_a_training(tmp_path / "d")
    with pytest.raises(AssertionError, match=r"has no finish\(\)"):
        suite(NoEnd).test_contract(tmp_path / "e")
