"""Missing values as samples, and forecasts given a part of the future."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry import SSSDPipeline, train
from sssd_registry.config import load_config
from sssd_registry.errors import DataWarning, SSSDError
from sssd_registry.imputing.impute import impute
from sssd_registry.model.conditioning import path_correlation

SETTINGS = [
    "model.location_scale=random-walk", "training.max_steps=1", 'data.horizons="1:12"', "data.timeframes={\"1h\" = 24}",
]  # fmt: skip
N = 1500


def walk() -> pd.DataFrame:
    """Hours of a random walk with steps of 1."""
    y = 100 + np.random.default_rng(5).normal(size=N).cumsum()
    return pd.DataFrame({"ds": pd.date_range("2021-01-01", periods=N, freq="h"), "y": y})


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> SSSDPipeline:
    return train(walk(), load_config(None, SETTINGS), tmp_path_factory.mktemp("impute") / "model")


def test_a_correlation_is_that_of_the_paths(pipe: SSSDPipeline) -> None:
    import torch

    rows = pipe.network.correlation.rows(torch.arange(1.0, 13))
    whole = path_correlation(pipe.network.correlation, rows).numpy()
    made = pipe(walk(), num_samples=4000, generator=0).samples[0, :, :, 0]
    np.testing.assert_allclose(np.diagonal(whole), 1, atol=1e-6)
    np.testing.assert_allclose(np.corrcoef(made.T), whole, atol=0.06)


def test_a_walk_with_a_known_end_is_a_bridge(pipe: SSSDPipeline) -> None:
    """Its mean is the line between both ends, and its variance h (H - h) / H of a step's."""
    end = np.full(12, np.nan)
    last = walk()["y"].iloc[-1]
    end[-1] = last + 5
    free = pipe(walk(), num_samples=4000, generator=1).samples[0, :, :, 0]
    made = pipe(walk(), num_samples=4000, generator=1, given={"y": end}).samples[0, :, :, 0]
    assert (made[:, -1] == last + 5).all()
    h = np.arange(1, 12)
    np.testing.assert_allclose(made.mean(axis=0)[:-1], last + 5 * h / 12, atol=0.35)
    step = free.std(axis=0)[0]
    np.testing.assert_allclose(made.std(axis=0)[:-1], step * np.sqrt(h * (12 - h) / 12), rtol=0.15)


def test_what_is_given_is_checked(pipe: SSSDPipeline) -> None:
    with pytest.raises(SSSDError, match="given: 'x' is no target"):
        pipe(walk(), given={"x": np.zeros(12)})
    with pytest.raises(SSSDError, match=r"given: 'y' has to be finite numbers, or NaN, of shape \(1, 12\)"):
        pipe(walk(), given={"y": np.zeros(3)})


def test_holes_are_filled_better_than_from_before_alone(pipe: SSSDPipeline) -> None:
    whole = walk()
    gone = np.zeros(N, dtype=bool)
    for start in range(100, N - 60, 40):
        gone[start : start + 5] = True
    gone[:3] = True
    holed = whole.assign(y=whole["y"].where(~gone))
    with pytest.warns(DataWarning, match="values are missing, and none was in training"):
        made = impute(pipe, holed, num_samples=200, seed=3)
    assert made.left == 3
    truth = whole.set_index("ds")["y"].loc[made.times.astype("datetime64[s]").astype("datetime64[ns]")].to_numpy()
    assert len(truth) == gone.sum() - 3
    middle = np.median(made.samples, axis=1)
    line = holed["y"].interpolate()[gone].to_numpy()[3:]
    before = holed["y"].ffill()[gone].to_numpy()[3:]
    errors = [np.abs(one - truth).mean() for one in (middle, line, before)]
    assert errors[0] < 1.05 * errors[1] < errors[2]
    low, high = np.quantile(made.samples, [0.05, 0.95], axis=1)
    # Narrower than they should be: of a window with holes the filled bars hardly move, and this model knows of none.
    assert 0.75 < ((low <= truth) & (truth <= high)).mean() <= 0.98
    frame = made.to_frame()
    assert list(frame.columns) == ["ds", "target", "mean", "0.05", "0.25", "0.5", "0.75", "0.95"]


def test_a_path_goes_through_a_hole_without_a_jump(pipe: SSSDPipeline) -> None:
    """A hole of ten bars, of twelve that are forecast at once: steps in it, and at its ends, are those of the walk."""
    whole = walk()
    starts = np.arange(200, N - 100, 37)
    gone = (starts[:, None] + np.arange(10)).ravel()
    holed = whole.assign(y=whole["y"].where(~whole.index.isin(gone)))
    with pytest.warns(DataWarning, match="none was in training"):
        made = impute(pipe, holed, num_samples=100)
    paths = np.repeat(whole["y"].to_numpy()[:, None], 100, axis=1)
    paths[gone] = made.samples
    steps = np.diff(paths, axis=0)[starts[:, None] - 1 + np.arange(11)]  # (holes, 11, S)
    sizes = np.sqrt((steps**2).mean(axis=(0, 2)))
    assert sizes.max() < 1.3, sizes


def test_a_hole_beyond_the_horizons_is_told_of(pipe: SSSDPipeline) -> None:
    holed = walk()
    holed.loc[700:713, "y"] = np.nan
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        impute(pipe, holed, num_samples=5)
    assert any("a hole of 14 bars is longer than the farthest horizon, 12: it is" in str(one.message) for one in told)


@pytest.mark.long
def test_an_engine_of_every_bar_imputes_as_its_model_does(pipe: SSSDPipeline, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.forecaster import open_engine
    from sssd_export.request import export_model

    pipe.save_pretrained(tmp_path / "m")
    export_model(tmp_path / "m", tmp_path / "engine", steps=2, samples=16)
    holed = walk()
    holed.loc[700:704, "y"] = np.nan
    with pytest.warns(DataWarning):
        ours, theirs = (impute(one, holed, num_samples=50) for one in (pipe, open_engine(tmp_path / "engine")))
    np.testing.assert_allclose(theirs.samples, ours.samples, atol=1e-3)
    holed.to_csv(tmp_path / "holed.csv", index=False)
    done = sssd("impute", tmp_path / "engine", tmp_path / "holed.csv", "--out", tmp_path / "filled.csv")
    assert done.code == 0, done.err
    assert len(pd.read_csv(tmp_path / "filled.csv")) == 5


def test_an_engine_of_some_bars_says_what_it_lacks(tiny_engine: Path, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    target = str(json.loads((tiny_engine / "manifest.json").read_text())["spec"]["targets"][0])
    tiny_frame.assign(**{target: tiny_frame[target].where(tiny_frame.index != 300)}).to_csv(tmp_path / "holed.csv")
    done = sssd("impute", tiny_engine, tmp_path / "holed.csv", "--out", tmp_path / "filled.csv")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(
        "error: this engine was built for horizons 1, 4 (bars), not for 2: export"
    )
    assert not (tmp_path / "filled.csv").exists()


def test_the_command_writes_a_row_for_each_missing_value(pipe: SSSDPipeline, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path / "m")
    holed = walk()
    holed.loc[700:704, "y"] = np.nan
    holed.to_csv(tmp_path / "holed.csv", index=False)
    drawn = ("--samples", 20, "--plot", tmp_path / "holes.svg")
    done = sssd("impute", tmp_path / "m", tmp_path / "holed.csv", "--out", tmp_path / "filled.csv", *drawn)
    assert done.code == 0, done.err
    assert "5 missing values" in done.out
    filled = pd.read_csv(tmp_path / "filled.csv")
    assert len(filled) == 5
    assert (filled["0.05"] <= filled["0.95"]).all()
    picture = (tmp_path / "holes.svg").read_text()
    assert "<svg" in picture
    walk().to_csv(tmp_path / "whole.csv", index=False)
    whole = sssd("impute", tmp_path / "m", tmp_path / "whole.csv", "--out", tmp_path / "none.csv")
    assert "no value of y is missing" in error_line(whole)
    assert not (tmp_path / "none.csv").exists()
