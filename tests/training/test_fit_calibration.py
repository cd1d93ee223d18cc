"""Calibration through ``train``: told, kept with the model, better on the test part, and off where it is not wanted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from sssd_registry.check_model import sign_model
from sssd_registry.config import load_config
from sssd_registry.evaluation.evaluate import evaluate
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.storage.calibrated import Calibrated
from sssd_registry.testing.tiny_model import SETTINGS
from sssd_registry.training.train import train

FAT = ('data.timeframes={"1h" = 48}', "data.horizons=[1, 2, 6, 12]", "training.validation_windows=64")


@pytest.fixture(scope="module")
def fat_tails() -> pd.DataFrame:
    """A daily wave with errors of Student's t of three degrees, 4,000 hours."""
    hours = np.arange(4000)
    noise = np.random.default_rng(3).standard_t(3, len(hours))
    wave = 10 + 3 * np.sin(2 * np.pi * hours / 24)
    return pd.DataFrame({"time": pd.date_range("2020-01-01", periods=len(hours), freq="h"), "value": wave + noise})


def fit(frame: pd.DataFrame, out: Path, *settings: str) -> SSSDPipeline:
    return train(frame, load_config(None, [*SETTINGS, *FAT, *settings]), out)


@pytest.fixture(scope="module")
def models(fat_tails: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """With and without."""
    folder = tmp_path_factory.mktemp("calibrated")
    fit(fat_tails, folder / "with")
    fit(fat_tails, folder / "without", "training.calibrate=false")
    return folder / "with", folder / "without"


def test_the_record_tells_what_it_did(models: tuple[Path, Path]) -> None:
    made, plain = map(SSSDPipeline.from_pretrained, models)
    assert made.record is not None
    assert plain.record is not None
    told = made.record.calibration
    assert plain.record.calibration is None
    assert not plain.network.calibration.in_use
    assert made.network.calibration.in_use
    assert told is not None
    assert told.before["50"] > 0.58
    assert abs(told.after["50"] - 0.5) < 0.02
    assert abs(told.after["90"] - 0.9) < 0.02
    assert "50 % intervals cover 6" in str(told)
    assert Calibrated.model_validate_json(told.model_dump_json()) == told
    assert made.record.validation_crps < plain.record.validation_crps


def test_intervals_cover_what_they_say_in_the_test_part(models: tuple[Path, Path], fat_tails: pd.DataFrame) -> None:
    made, plain = (evaluate(open_forecaster(one), fat_tails, num_samples=99).scores["model"] for one in models)
    assert plain.coverage_50 > 0.57
    assert abs(made.coverage_50 - 0.5) < 0.03
    assert abs(made.coverage_90 - 0.9) < 0.025
    assert made.crps < 1.002 * plain.crps


def test_ranks_are_those_of_the_model_without(models: tuple[Path, Path]) -> None:
    made, plain = map(SSSDPipeline.from_pretrained, models)
    windows = made.examples
    assert windows is not None
    one, other = (pipe(windows, num_samples=30, generator=5).samples for pipe in (made, plain))
    assert not np.allclose(one, other)
    assert np.array_equal(one.argsort(axis=1), other.argsort(axis=1))


def test_a_folder_of_before_forecasts_as_it_did(models: tuple[Path, Path]) -> None:
    _, without = models
    plain = SSSDPipeline.from_pretrained(without)
    windows = plain.examples
    assert windows is not None
    expected = plain(windows, num_samples=8, generator=1).samples
    file = without / "model.safetensors"
    tensors = load_file(file)
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith("calibration.")}, file)
    config = json.loads((without / "config.json").read_text())
    for entry in ("calibration", "bounds"):
        del config["record"][entry]
    (without / "config.json").write_text(json.dumps(config))
    sign_model(without)
    older = SSSDPipeline.from_pretrained(without)
    assert np.array_equal(older(windows, num_samples=8, generator=1).samples, expected)


def test_a_network_in_use_is_calibrated_by_its_own_samples(
    fat_tails: pd.DataFrame, tmp_path: Path, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    from sssd_registry.training import selection

    monkeypatch.setattr(selection, "keeps", lambda _: True)
    made = fit(fat_tails, tmp_path / "model")
    assert made.record is not None
    if not made.network.in_use:
        pytest.skip("a dozen steps made nothing better than the start")
    assert made.record.calibration is not None
    assert abs(made.record.calibration.after["50"] - 0.5) < 0.03
