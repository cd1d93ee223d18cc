"""A model of data with holes: as good as it can be, scored on what was observed, and compiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry import evaluate, open_forecaster, train
from sssd_registry.config import load_config
from sssd_registry.errors import DataWarning

CASES = Path(__file__).parents[1] / "cases"
SETTINGS = ["model.location_scale=linear", "training.max_steps=2", "training.validate_every=2"]


def crps(data: object, out: Path) -> float:
    train(data, load_config(None, SETTINGS), out)  # type: ignore[arg-type]
    return evaluate(open_forecaster(out), data, max_windows=150).scores["model"].crps  # type: ignore[arg-type]


def test_a_third_of_the_days_missing_costs_little(tmp_path: Path) -> None:
    """The case of the shared folder: 1.15 times the CRPS of the full file is the most."""
    full = crps(CASES / "full.csv", tmp_path / "full")
    assert crps(CASES / "missing30.csv", tmp_path / "missing") < 1.15 * full
    assert crps(CASES / "nan.csv", tmp_path / "nan") < 1.05 * full


@pytest.mark.parametrize("idle", [pytest.param(True, marks=pytest.mark.long), False])
def test_an_engine_takes_holes_as_the_model_does(tmp_path: Path, idle: bool) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model
    from sssd_registry.check_model import sign_model

    rows = pd.read_csv(CASES / "missing30.csv").assign(other=lambda frame: frame["y"].rolling(3, min_periods=1).mean())
    rows.loc[rows.index % 7 == 0, "other"] = np.nan
    pipe = train(rows, load_config(None, [*SETTINGS, 'data.targets="y"', "data.horizons=[1, 7]"]), tmp_path / "m")
    if not idle:
        config = (tmp_path / "m" / "config.json").read_text().replace('"best_step": 0', '"best_step": 2')
        (tmp_path / "m" / "config.json").write_text(config)
        sign_model(tmp_path / "m")
        pipe = type(pipe).from_pretrained(tmp_path / "m")
    export_model(tmp_path / "m", tmp_path / "e", steps=3, samples=8)
    engine = open_forecaster(tmp_path / "e")
    assert engine.spec.holes
    origins = pipe.source(rows)
    from sssd_registry.data.origins import last_origins
    from sssd_registry.data.windows import windows_at

    windows = windows_at(origins, last_origins(origins))
    ours = pipe(windows, num_inference_steps=3, num_samples=8, generator=5).samples
    np.testing.assert_allclose(engine(windows, horizons=None, num_samples=8, seed=5).samples, ours, rtol=1e-4)


def test_a_model_of_whole_data_serves_a_file_with_an_empty_cell(tmp_path: Path) -> None:
    pipe = train(CASES / "full.csv", load_config(None, SETTINGS), tmp_path / "m")
    rows = pd.read_csv(CASES / "full.csv")
    rows.loc[rows.index[-3], "y"] = np.nan
    with pytest.warns(DataWarning, match="1 values are missing, and none was in training"):
        made = pipe(rows, num_samples=50, generator=1)
    whole = pipe(CASES / "full.csv", num_samples=50, generator=1)
    assert np.isfinite(made.samples).all()
    assert not np.array_equal(made.samples, whole.samples)
    assert np.abs(np.median(made.samples, axis=1) - np.median(whole.samples, axis=1)).max() < 1.5
