"""The suite for targets finds what is wrong with one, and says it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from sssd_export.forecaster import EngineForecaster
from sssd_export.targets.onnx import OnnxOptions, build, load
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.discovery import Entry
from sssd_registry.plugin_api.hookspecs import ExportRequest, TargetSpec
from sssd_registry.plugin_api.registry import Registry, registry
from sssd_registry.testing import TargetConformance
from sssd_registry.testing import targets as suite_module
from sssd_registry.testing.targets import Built, build_engine

pytestmark = pytest.mark.slow


class Suite(TargetConformance):
    __test__ = False  # its checks are called here, one by one
    name = "onnx"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A good engine, for others to break."""
    return build_engine("onnx", tmp_path_factory.mktemp("good"))


class Wrapped:
    """An engine's forecaster, to be broken."""

    def __init__(self, whole: EngineForecaster) -> None:
        self.whole = whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)


class OneSeed(Wrapped):
    def __call__(self, windows: Any, **asked: Any) -> Any:
        return self.whole(windows, **asked | {"seed": 3})


class EveryHorizon(Wrapped):
    def __call__(self, windows: Any, **asked: Any) -> Any:
        return self.whole(windows, **asked | {"horizons": None})


class OneNoiseForAllWindows(Wrapped):
    def __call__(self, windows: Any, **asked: Any) -> Any:
        alone = [self.whole(windows.part(index, index + 1), **asked) for index in range(len(windows))]
        return replace(self.whole(windows, **asked), samples=np.concatenate([one.samples for one in alone]))


class Remembers(Wrapped):
    def __call__(self, windows: Any, **asked: Any) -> Any:
        self.asked = asked
        time.sleep(0.01)  # as long as a compiler's runtime may well take to start
        return self.whole(windows, **self.asked)


class FixedSamples(Wrapped):
    def __call__(self, windows: Any, **asked: Any) -> Any:
        return self.whole(windows, **asked | {"num_samples": 16})


BROKEN_FORECASTERS = [
    (OneSeed, "test_seeds", "ignores the seed"),
    (EveryHorizon, "test_some_horizons_can_be_asked_for", "asked for horizon 4"),
    (OneNoiseForAllWindows, "test_it_forecasts_what_the_model_forecasts", "off the model by"),
    (Remembers, "test_eight_threads", "calls disturb each other"),
    (FixedSamples, "test_it_forecasts_what_the_model_forecasts", "shape"),
]


@pytest.mark.parametrize(("wrapper", "check", "reason"), BROKEN_FORECASTERS)
def test_what_is_wrong_with_a_forecaster_is_said(wrapper: Any, check: str, reason: str, built: Built) -> None:
    with pytest.raises(AssertionError, match=reason):
        getattr(Suite(), check)(replace(built, forecaster=wrapper(built.forecaster)))


BROKEN_MANIFESTS: list[tuple[dict[str, Any], str]] = [
    ({"target": "other"}, "asks the target named here"),
    ({"versions": {}}, "the manifest has no versions"),
    ({"inputs": [{"name": "noise", "dtype": "float32", "shape": [1]}]}, "'noise' .* no meaning"),
    ({"parity": {"max_error": 0.5, "tolerance": 1.0}}, "allows itself"),
    ({"parity": {"max_error": 2e-4, "tolerance": 1e-4}}, "parity is missed"),
]


@pytest.mark.parametrize(("entries", "reason"), BROKEN_MANIFESTS)
def test_what_is_wrong_with_a_manifest_is_said(entries: dict[str, Any], reason: str, built: Built) -> None:
    with pytest.raises(AssertionError, match=reason):
        Suite().test_the_manifest_says_what_the_engine_is(replace(built, manifest=built.manifest | entries))


def test_a_file_without_a_hash_is_found(built: Built, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built.folder, tmp_path / "engine"))
    (folder / "weights.bin").write_bytes(b"left out")
    with pytest.raises(AssertionError, match=r"no hash of weights\.bin"):
        Suite().test_every_file_has_its_hash(replace(built, folder=folder))


def offered(monkeypatch: pytest.MonkeyPatch, **parts: Any) -> Any:
    """A suite for the target ``broken``, the ``onnx`` target but for ``parts``."""
    spec = TargetSpec("broken", "for a test", parts.get("build", build), parts.get("load", load), OnnxOptions)
    made = Registry(
        (
            *registry().entries,
            Entry("target", spec.name, spec.summary, "p", "d", "1", spec=spec),
        )
    )
    for module in (suite_module.__name__, "sssd_registry.model_or_engine", "sssd_export.request"):
        monkeypatch.setattr(f"{module}.registry", lambda: made)
    return type("Broken", (TargetConformance,), {"name": spec.name})()


def blindly(folder: Path) -> EngineForecaster:
    """Loads whatever is there."""
    import onnxruntime

    from sssd_engine.engine import Engine
    from sssd_engine.part import OnnxPart

    manifest = json.loads((folder / "manifest.json").read_text())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    return EngineForecaster(Engine(manifest, [OnnxPart(session)]))


def test_a_target_that_checks_no_hash_is_found(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sssd_engine.manifest import read_manifest, write_manifest

    suite = offered(monkeypatch, load=blindly)
    folder = Path(shutil.copytree(built.folder, tmp_path / "engine"))
    write_manifest(folder, {**read_manifest(folder), "target": "broken"})
    with pytest.raises(AssertionError, match=r"a changed byte in correlation\.bin"):
        suite.test_a_changed_byte_is_refused(replace(built, folder=folder), tmp_path / "copies")


def keeps(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Takes an engine for good that is not."""
    try:
        return build(request, folder)
    except SSSDError:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        return manifest


def leaves(request: ExportRequest, folder: Path) -> dict[str, Any]:
    """Works beside its folder, outside of the hidden one that it is given."""
    outside = next(place for place in folder.parents if not any(part.startswith(".sssd") for part in place.parts))
    (outside / "work.bin").write_bytes(b"half an engine")
    return build(request, folder)


FAILING: list[tuple[Callable[..., Any], str]] = [
    (keeps, "an engine that is off its scheduler was written"),
    (leaves, r"left work\.bin"),
]


@pytest.mark.parametrize(("build_it", "reason"), FAILING)
def test_a_build_that_does_not_fail_as_it_should_is_found(
    build_it: Any, reason: str, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = offered(monkeypatch, build=build_it)
    with pytest.raises(AssertionError, match=reason):
        suite.test_a_build_that_misses_parity_leaves_nothing(built, tmp_path, monkeypatch)
