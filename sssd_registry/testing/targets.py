"""The conformance suite for export targets, run on an installed plugin by its name."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sssd_registry.data.origins import all_origins
from sssd_registry.data.windows import Windows, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.forecaster import Forecaster
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.hookspecs import TargetSpec
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.testing.tiny_model import tiny_frame, train_tiny_model

STEPS, SAMPLES = 4, 16
FIELDS = ("target", "inputs", "outputs", "horizons", "scheduler", "num_inference_steps", "parity", "versions")


@dataclass(frozen=True)
class Built:
    """An engine of the target, the model it was made from, and windows to feed both."""

    folder: Path
    manifest: dict[str, Any]
    forecaster: Any
    pipeline: SSSDPipeline
    windows: Windows


def build_engine(target: str, folder: Path, **how: Any) -> Built:
    """A tiny model in ``folder / "model"``, and its engine for ``NAME`` or ``NAME:key=value`` beside it.

    ``how`` are more arguments of ``export_model``.
    """
    from sssd_export.request import export_model

    train_tiny_model(folder / "model")
    manifest = export_model(folder / "model", folder / "engine", target, steps=STEPS, samples=SAMPLES, **how)
    pipeline = SSSDPipeline.from_pretrained(folder / "model")
    source = pipeline.source(tiny_frame())
    windows = windows_at(source, all_origins(source).take(np.arange(5, 205, 40)))
    return Built(folder / "engine", manifest, open_forecaster(folder / "engine"), pipeline, windows)


class TargetConformance:
    """Subclass it in a test file and name the target:

        class TestMine(TargetConformance):
            name = "mine"

    Attributes:
        name: as registered.
        options: other options than the defaults.
        how: what else to ask of the export: ``precision``, ``loop``, ``split``.
        tolerance: largest difference to the model's own forecast, in standard deviations of the samples; more than
            1e-4 only for reduced precision.
    """

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    how: ClassVar[Mapping[str, Any]] = {}
    tolerance: ClassVar[float] = 1e-4

    @property
    def spec(self) -> TargetSpec:
        return registry().targets[self.name]

    @property
    def text(self) -> str:
        """Text that ``--target`` would take."""
        chosen = ",".join(f"{key}={json.dumps(value)}" for key, value in self.options.items())
        return f"{self.name}:{chosen}" if chosen else self.name

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, tmp_path_factory: pytest.TempPathFactory) -> Built:
        """An engine, built once for the class."""
        return build_engine(cls().text, tmp_path_factory.mktemp("target"), **cls().how)

    def forecast(self, engine: Built, windows: Windows, seed: int = 3, num_samples: int = SAMPLES) -> Any:
        """Samples ``(B, S, K, C)``."""
        forecaster: Forecaster = engine.forecaster
        return forecaster(windows, horizons=None, num_samples=num_samples, seed=seed).samples

    def test_the_manifest_says_what_the_engine_is(self, engine: Built) -> None:
        missing = [field for field in FIELDS if not engine.manifest.get(field)]
        assert not missing, f"{self.name}: the manifest has no {', '.join(missing)}"
        assert engine.manifest["target"] == self.name, (
            f"{self.name}: `sssd forecast` asks the target named here to load"
        )
        assert engine.manifest["num_inference_steps"] == STEPS
        parity = engine.manifest["parity"]
        assert parity["max_error"] <= parity["tolerance"], f"{self.name}: parity is missed, which has to be an error"
        assert parity["tolerance"] <= self.tolerance, (
            f"{self.name} allows itself an error of {parity['tolerance']:.0e} of the spread;"
            f" {self.tolerance:.0e} is this suite's `tolerance`"
        )
        for entry in (*engine.manifest["inputs"], *engine.manifest["outputs"]):
            lacks = [key for key in ("dtype", "shape", "meaning") if not entry.get(key)]
            assert not lacks, f"{self.name}: {entry['name']!r} in the manifest has no {' and no '.join(lacks)}"

    def test_every_file_has_its_hash(self, engine: Built) -> None:
        written = json.loads((engine.folder / "manifest.json").read_text())
        files = {file.name: file for file in engine.folder.iterdir() if file.name != "manifest.json"}
        bare = set(files) - set(written["files"])
        assert not bare, f"{self.name}: the manifest has no hash of {', '.join(sorted(bare))}: changes would go unseen"
        for name, digest in written["files"].items():
            seen = hashlib.sha256(files[name].read_bytes()).hexdigest()
            assert seen == digest, f"{self.name}: {name} is not the file that the manifest has the hash of"

    def test_it_is_a_forecaster(self, engine: Built) -> None:
        record = engine.pipeline.record
        assert record is not None
        assert engine.forecaster.spec.targets == engine.pipeline.spec.targets
        assert engine.forecaster.num_samples == SAMPLES
        assert engine.forecaster.test_start == record.test_start
        assert engine.forecaster.random_walk_window == record.random_walk_window

    def test_it_forecasts_what_the_model_forecasts(self, engine: Built) -> None:
        """Forecast from the same seed, for other numbers of windows and samples than it was checked with."""
        for windows, samples in ((1, 40), (5, 7)):
            part = engine.windows.part(0, windows)
            seen = self.forecast(engine, part, num_samples=samples)
            pipeline = engine.pipeline
            expected = pipeline(part, num_inference_steps=STEPS, num_samples=samples, generator=3).samples
            assert seen.shape == expected.shape, f"{self.name}: samples of shape {seen.shape}, not {expected.shape}"
            spread = expected.std(axis=1, keepdims=True)
            error = float((np.abs(seen - expected) / spread).max())
            assert error <= self.tolerance, f"{self.name}: off the model by {error:.1e} standard deviations"

    def test_some_horizons_can_be_asked_for(self, engine: Built) -> None:
        whole = self.forecast(engine, engine.windows)
        last = engine.manifest["horizons"][-1]
        part = engine.forecaster(engine.windows, horizons=[last], num_samples=SAMPLES, seed=3)
        assert part.horizons == (last,), f"{self.name}: asked for horizon {last}, it forecast {part.horizons}"
        assert np.array_equal(part.samples, whole[:, :, -1:]), f"{self.name}: horizon {last} alone is another forecast"

    def test_seeds(self, engine: Built) -> None:
        first = self.forecast(engine, engine.windows)
        assert np.array_equal(first, self.forecast(engine, engine.windows)), f"{self.name}: same seed, other forecast"
        assert not np.array_equal(first, self.forecast(engine, engine.windows, seed=4)), f"{self.name} ignores the seed"

    def test_eight_threads(self, engine: Built) -> None:
        alone = [self.forecast(engine, engine.windows, seed) for seed in range(16)]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda seed: self.forecast(engine, engine.windows, seed), range(16)))
        for one, other in zip(alone, together, strict=True):
            assert np.allclose(other, one, rtol=1e-6), f"{self.name}: calls disturb each other in eight threads"

    def test_a_changed_byte_is_refused(self, engine: Built, tmp_path: Path) -> None:
        """Refuse by the hash, not by what happens to break: most changed weights load, and forecast nonsense."""
        for name in json.loads((engine.folder / "manifest.json").read_text())["files"]:
            copy = Path(shutil.copytree(engine.folder, tmp_path / name))
            content = bytearray((copy / name).read_bytes())
            content[len(content) // 2] ^= 1
            (copy / name).write_bytes(content)
            try:
                open_forecaster(copy)
                outcome = "nothing"
            except SSSDError:
                continue
            except Exception as error:  # what a runtime makes of it
                outcome = type(error).__name__
            raise AssertionError(f"{self.name}: a changed byte in {name} gave {outcome}; it has to be an SSSDError")

    def test_a_build_that_misses_parity_leaves_nothing(
        self, engine: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The engine is built for the steps of one scheduler, and compared with another's."""
        from sssd_export.request import export_model

        schedule = engine.pipeline.network.schedule
        wrong = solver_tableau(make_scheduler("ddim", schedule), schedule, STEPS)
        reached: list[int] = []  # the last that is looked up before `build`: not every SSSDError is the target's

        def tableau(_scheduler: Any, _schedule: Any, steps: int) -> SolverTableau:
            reached.append(steps)
            return wrong

        monkeypatch.setattr("sssd_export.request.solver_tableau", tableau)
        how = {"scheduler": "dpmsolver++", "steps": STEPS, **self.how}
        try:
            export_model(engine.folder.parent / "model", tmp_path / "out", self.text, **how)
            refused = False
        except SSSDError:
            refused = True
        assert reached, f"{self.name}: the export ended before it came to the target"
        assert refused, (
            f"{self.name}: an engine that is off its scheduler was written; `build` has to compare and raise SSSDError"
        )
        left = sorted(file.name for file in tmp_path.iterdir())
        assert not left, f"{self.name}: a build that failed left {', '.join(left)}: write into the given folder only"
