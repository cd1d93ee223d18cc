"""An engine's forecast as a table, and the noise of its series: as a pipeline has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_engine import EngineError, load_engine
from sssd_engine.engine import Engine, EngineForecast
from sssd_export.build.parity import TOLERANCE, largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.request import export_model
from sssd_registry.data.end_windows import end_windows
from sssd_registry.errors import DataWarning, SSSDError
from sssd_registry.pipeline import SSSDPipeline


@pytest.fixture(scope="module")
def panel(tiny_frame: pd.DataFrame) -> pd.DataFrame:
    """Three series of bars by the names of Nixtla; one is shorter than the others."""
    bars = tiny_frame.rename(columns={"time": "ds"})
    parts = [bars.assign(unique_id="a"), bars.iloc[:-7].assign(unique_id="b"), bars.iloc[20:].assign(unique_id="c")]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def panel_model(panel: pd.DataFrame, tiny_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sssd_registry.config import load_config
    from sssd_registry.training.train import train

    out = tmp_path_factory.mktemp("panel") / "model"
    train(panel, load_config(None, tiny_settings), out)
    return out


@pytest.fixture(scope="module")
def engine(panel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    out = tmp_path_factory.mktemp("engine") / "panel"
    export_model(panel_model, out, steps=6, samples=16)
    return load_engine(out)


def test_a_table_has_the_ids_and_times_of_a_pipelines(engine: Engine, panel_model: Path, panel: pd.DataFrame) -> None:
    pipe = SSSDPipeline.from_pretrained(panel_model)
    eager = pipe(panel, num_inference_steps=6, num_samples=20, generator=1)
    made = engine(panel, 20, seed=1)
    assert made.series.tolist() == ["a", "b", "c"]
    for frame, wanted in (
        (made.to_frame(), eager.to_frame()),
        (made.to_frame([0.5]), eager.to_frame([0.5])),
        (made.paths_frame(), eager.paths_frame()),
    ):
        numbers = wanted.select_dtypes("float").columns
        pd.testing.assert_frame_equal(frame.drop(columns=numbers), wanted.drop(columns=numbers))
        np.testing.assert_allclose(frame[numbers], wanted[numbers], rtol=1e-4)
    assert list(made.to_frame())[:4] == ["unique_id", "origin", "horizon", "ds"]


def test_a_series_is_forecast_alike_whichever_others_are_in_the_file(
    engine: Engine, panel_model: Path, panel: pd.DataFrame
) -> None:
    turned = pd.concat([panel[panel["unique_id"] == name] for name in "cba"], ignore_index=True)
    alone = panel[panel["unique_id"] == "b"]
    pipe = SSSDPipeline.from_pretrained(panel_model)
    for name, forecast in (
        ("engine", lambda frame: engine(frame, 20, seed=3)),
        ("model", lambda frame: pipe(frame, num_inference_steps=6, num_samples=20, generator=3)),
    ):
        whole, other, one = (forecast(frame) for frame in (panel, turned, alone))
        assert other.series.tolist() == ["c", "b", "a"]
        # Not to the bit: a product of matrices may round differently in a batch of another size.
        assert largest_error(other.samples[::-1], whole.samples) <= TOLERANCE, name
        assert largest_error(one.samples, whole.samples[1:2]) <= TOLERANCE, name
        # Each has noise of its own: in standard units paths would else be the same.
        ranks = np.argsort(whole.samples[..., 0], axis=1)
        assert (ranks[0] != ranks[1]).any(), name


def test_parts_of_a_stream_have_the_rows_of_the_whole(
    engine: Engine, panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = engine(panel, 8, seed=1)
    monkeypatch.setattr("sssd_engine.engine._AT_ONCE", 1)
    parts = list(engine.stream(panel, 8, seed=1))
    assert [part.series.tolist() for part in parts] == [["a"], ["b"], ["c"]]
    frame = pd.concat([part.to_frame() for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(frame, whole.to_frame(), rtol=1e-4)


def test_arrays_have_times_too_and_numbers_for_ids(engine: Engine, panel_model: Path, panel: pd.DataFrame) -> None:
    windows, _ = end_windows(SSSDPipeline.from_pretrained(panel_model).source(panel))
    named = engine(engine_inputs(windows), 8, seed=1).to_frame()
    assert named["unique_id"].unique().tolist() == ["a", "b", "c"]
    numbered = engine(dict(engine_inputs(windows)), 8, seed=1).to_frame()
    assert numbered["unique_id"].unique().tolist() == ["0", "1", "2"]
    pd.testing.assert_series_equal(named["origin"], numbered["origin"])


def test_a_series_that_is_too_short_is_named_and_the_others_are_forecast(engine: Engine, panel: pd.DataFrame) -> None:
    short = panel[(panel["unique_id"] != "b") | (panel.index % 600 < 3)]
    with pytest.warns(DataWarning, match=r"left out: too few bars of 1h: series 'b' 3"):
        made = engine(short, 8, seed=1)
    assert made.series.tolist() == ["a", "c"]
    whole = engine(panel, 8, seed=1)
    assert largest_error(made.samples, whole.samples[[0, 2]]) <= TOLERANCE
    with pytest.raises(SSSDError, match=r"too few bars of 1h: series 'b' 3; up to"):
        engine(short[short["unique_id"] == "b"], 8)


def test_a_table_of_pyarrow_comes_back_as_one(engine: Engine, panel: pd.DataFrame) -> None:
    pa = pytest.importorskip("pyarrow")
    made = engine(pa.Table.from_pandas(panel, preserve_index=False), 8, seed=1).to_frame()
    assert isinstance(made, pa.Table)
    wanted = engine(panel, 8, seed=1).to_frame()
    np.testing.assert_array_equal(made.column("mean").to_numpy(), wanted["mean"])


def test_samples_of_no_call_have_no_times() -> None:
    made = EngineForecast(np.zeros((1, 2, 1, 1)), np.zeros((1, 1, 1, 1)))
    assert made.series.tolist() == [""]
    with pytest.raises(EngineError, match="of no engine's call"):
        made.to_frame()
