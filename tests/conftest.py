"""Fixtures that many tests share: a small price-like frame, and a tiny model trained on it once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings
from trace_cache import traces_are_kept

from sssd_registry.check_model import sign_model
from sssd_registry.testing.tiny_model import SETTINGS, train_tiny_model
from sssd_registry.testing.tiny_model import tiny_frame as make_frame

# The same examples in every run: a test that fails for one person fails for all.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave long tests out, unless they are asked for."""
    if "SSSD_LONG_TESTS" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: make test-long"))


@pytest.fixture(scope="session")
def tiny_settings() -> list[str]:
    """``section.key=value`` overrides of a model that trains in a second."""
    return list(SETTINGS)


@pytest.fixture
def overrides(tiny_settings: list[str]) -> list[str]:
    """Arguments of a training that takes no time."""
    return [part for setting in tiny_settings for part in ("--set", setting)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return the path that a command is to write, in a folder where nothing else is."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "it"


@pytest.fixture(scope="session")
def tiny_frame() -> pd.DataFrame:
    """600 hourly OHLCV bars of a random walk, without weekends."""
    return make_frame()


@pytest.fixture(scope="session", autouse=True)
def _a_build_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither fill nor trust the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSSD_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _traces_are_kept() -> Iterator[None]:
    """Builds of one model share what is traced of it."""
    with traces_are_kept():
        yield


@pytest.fixture(scope="session")
def tiny_csv(tiny_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_frame`` as a file."""
    path = tmp_path_factory.mktemp("data") / "bars.csv"
    tiny_frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model trained for a dozen steps on ``tiny_frame``. Not to be changed: copy it first."""
    out = tmp_path_factory.mktemp("model") / "tiny"
    train_tiny_model(out)
    return out


@pytest.fixture(scope="session")
def working_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_model`` with its network in use, whatever a dozen steps of training were good for. Not to be changed."""
    model = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("working") / "model"))
    stored = json.loads((model / "config.json").read_text())
    stored["record"]["best_step"] = 8
    (model / "config.json").write_text(json.dumps(stored))
    sign_model(model)
    return model


@pytest.fixture(scope="session")
def distilled_model(working_model: Path, tiny_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``working_model`` distilled for one step of DDIM. Not to be changed: copy it first."""
    from sssd_registry.training.distill import distill

    out = tmp_path_factory.mktemp("distilled") / "model"
    distill(working_model, tiny_csv, out, max_steps=200)
    return out


@pytest.fixture(scope="session")
def tiny_engine(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``tiny_model`` compiled: DPM-Solver++ in 6 steps. Not to be changed: copy it first."""
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model

    out = tmp_path_factory.mktemp("engine") / "tiny"
    export_model(tiny_model, out, steps=6, samples=16)
    return out
