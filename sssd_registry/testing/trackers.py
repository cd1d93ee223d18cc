"""The conformance suite for experiment trackers, run on an installed plugin by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from accelerate import PartialState

from sssd_registry.config import Config, TrainingConfig
from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options
from sssd_registry.plugin_api.hookspecs import TrackedRun, TrackerSpec
from sssd_registry.plugin_api.registry import registry
from sssd_registry.training.tracking import settings_of

SETTINGS = settings_of(Config(training=TrainingConfig(trackers=("jsonl",))))
METHODS = ("start", "store_init_configuration", "log", "finish")


class TrackerConformance:
    """Subclass it in a test file and name the tracker:

        class TestMine(TrackerConformance):
            name = "mine"

    Attributes:
        name: as registered.
        options: other options than the defaults, such as those that keep a service's tracker offline.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    @property
    def spec(self) -> TrackerSpec:
        return registry().trackers[self.name]

    def make(self, folder: Path, name: str = "model") -> Any:
        """Make a fresh tracker, as a training does in its main process."""
        PartialState()
        options = build_options("tracker", self.name, self.spec.options, dict(self.options))
        return self.spec.factory(TrackedRun(name, folder / f"{name}.logs"), options)

    def test_contract(self, tmp_path: Path) -> None:
        assert self.spec.summary, f"{self.name}: TrackerSpec.summary is empty; `sssd plugins` shows it"
        kind = self.spec.options
        assert kind.__dataclass_params__.frozen, f"{self.name}: {kind.__name__} is not frozen; write frozen=True"  # type: ignore[attr-defined]
        made = self.make(tmp_path)
        for method in METHODS:
            assert callable(getattr(made, method, None)), f"{self.name} has no {method}()"

    def test_it_follows_a_training(self, tmp_path: Path) -> None:
        """Settings of every kind, then steps, some with a validation; and it is finished."""
        made = self.make(tmp_path)
        made.start()
        made.store_init_configuration(SETTINGS)
        for step in range(1, 4):
            made.log({"train/loss": 1.0 / step, "train/learning_rate": 1e-3}, step=step)
        made.log({"train/loss": 0.2, "train/learning_rate": 0.0, "validation/score": 0.1}, step=4)
        made.finish()

    def test_a_run_may_end_before_its_first_step(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        made.start()
        made.store_init_configuration(SETTINGS)
        made.finish()

    def test_a_run_may_be_resumed(self, tmp_path: Path) -> None:
        """Under the same name, in the same folder; steps go on."""
        for first in (1, 3):
            made = self.make(tmp_path)
            made.start()
            made.store_init_configuration(SETTINGS)
            for step in (first, first + 1):
                made.log({"train/loss": 1.0}, step=step)
            made.finish()

    def test_making_one_does_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start when told to: until then there is no file."""
        monkeypatch.chdir(tmp_path)
        self.make(tmp_path / "there")
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert not written, f"{self.name} writes {written[0]} before start()"

    def test_it_leaves_standard_output_to_commands(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.test_it_follows_a_training(tmp_path)
        said = capfd.readouterr().out
        assert not said, f"{self.name} prints {said[:100]!r}, which would spoil a command's output"

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(SSSDError, match="has no option 'no_such_option'"):
            build_options("tracker", self.name, self.spec.options, {"no_such_option": 1})
