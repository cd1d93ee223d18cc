"""``SSSDForecaster``: fit a frame, predict a frame."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sssd_registry import SSSDForecaster, SSSDPipeline
from sssd_registry.errors import SSSDError


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [one for one in tiny_settings if not one.startswith("data.horizons")]


@pytest.fixture(scope="module")
def fitted(settings: list[str], tiny_frame: pd.DataFrame) -> SSSDForecaster:
    return SSSDForecaster(4, settings=settings, num_samples=8).fit(tiny_frame)


def test_it_forecasts_all_bars_up_to_the_number_asked_for(fitted: SSSDForecaster) -> None:
    assert fitted.predict(3)["horizon"].tolist() == [1, 2, 3]
    assert fitted.predict("2:4:2")["horizon"].tolist() == [2, 4]
    assert fitted.predict([1.5])["horizon"].tolist() == [1.5]
    frame = fitted.predict(quantiles=[0.1, 0.9])
    assert frame["horizon"].tolist() == [1, 2, 3, 4]
    assert list(frame)[-3:] == ["mean", "0.1", "0.9"]


def test_it_is_what_the_pipeline_gives(fitted: SSSDForecaster, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    assert fitted.pipeline is not None
    fitted.pipeline.save_pretrained(tmp_path / "model")
    wanted = SSSDPipeline.from_pretrained(tmp_path / "model")(tiny_frame, num_samples=8, generator=0)
    pd.testing.assert_frame_equal(fitted.predict(), wanted.to_frame())
    pd.testing.assert_frame_equal(fitted.predict(paths=True), wanted.paths_frame())


def test_it_goes_on_from_other_rows(fitted: SSSDForecaster, tiny_frame: pd.DataFrame) -> None:
    earlier = fitted.predict(1, tiny_frame.iloc[:-1])
    assert earlier["time"].iloc[0] == tiny_frame["time"].iloc[-1]


def test_a_table_of_pyarrow_comes_back_as_one(settings: list[str], tiny_frame: pd.DataFrame) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(tiny_frame, preserve_index=False)
    assert isinstance(SSSDForecaster(2, settings=settings, num_samples=4).fit(table).predict(), pa.Table)


def test_what_it_cannot_do_is_said_in_one_line(fitted: SSSDForecaster, tiny_frame: pd.DataFrame) -> None:
    with pytest.raises(SSSDError, match=r"call fit\(frame\) first"):
        SSSDForecaster().predict(3)
    with pytest.raises(SSSDError, match="h is 0; give the number of bars"):
        fitted.predict(0)
    with pytest.raises(SSSDError, match="horizon 5 is outside of 1 to 4 bars"):
        fitted.predict(5)
    with pytest.raises(SSSDError, match=r"section \[training\] has no 'max_step'"):
        SSSDForecaster(settings=["training.max_step=3"]).fit(tiny_frame)
