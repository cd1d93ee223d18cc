"""Tasks with seasons, on files that look like theirs; and what the direct path could be instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from sssd_registry.model.batches import make_batch
from sssd_registry.plugin_api.make_network import make_network


def wave(rows: int, season: int = 24, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(rows) / season) + random.normal(size=rows)


@pytest.fixture(scope="module")
def m4(accuracy: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three series, one shorter: a wide file of their training parts, and one of 48 hours each."""
    folder = tmp_path_factory.mktemp("m4")
    series = {f"H{k}": wave(rows + 48, seed=k) for k, rows in enumerate((500, 700, 700))}
    for name, cut in (("train", slice(None, -48)), ("test", slice(-48, None))):
        pd.DataFrame({key: pd.Series(values[cut]) for key, values in series.items()}).T.to_csv(folder / f"{name}.csv")
    return accuracy.tasks.m4_hourly(folder / "train.csv"), series


def test_m4_is_scored_on_its_own_last_hours(m4: tuple[Any, dict[str, Any]]) -> None:
    task, series = m4
    assert len(task.origins) == len(series)
    np.testing.assert_allclose(task.observed()[..., 0], [values[-48:] for values in series.values()])
    np.testing.assert_allclose(task.history(0)[:, 0], series["H0"][:-48])
    split, starts = task.prepared.split, task.prepared.source.base.starts
    seen = starts[task.prepared.source.offsets[split.validation.series] + split.validation.row + 48]
    assert seen.max() <= starts.max() - 48 * 3600, "no validation window looks into the test part"
    assert set(split.test.series) == {0, 1, 2}


def test_scores_of_seasonal_tasks_have_a_mase(accuracy: Any, m4: tuple[Any, dict[str, Any]]) -> None:
    task, _ = m4
    naive = accuracy.classical.PEERS["seasonal naive"](task)
    scores = accuracy.measure.scores_of(task, naive, False)
    assert scores["MASE"] == pytest.approx(1.0, abs=0.15)
    assert accuracy.tasks.describe(task)["stride"] == 48


def test_bicycles_and_electricity_are_forecast_once_a_day(accuracy: Any, tmp_path: Path) -> None:
    hours = pd.date_range("2011-01-01", periods=1000, freq="h").delete([100, 500])
    columns = ("temp", "hum", "windspeed", "weathersit", "holiday", "workingday", "casual", "cnt")
    frame = pd.DataFrame({name: wave(len(hours), seed=k) for k, name in enumerate(columns)})
    frame = frame.assign(dteday=hours.strftime("%Y-%m-%d"), hr=hours.hour)
    frame.to_csv(tmp_path / "hour.csv", index=False)
    bike = accuracy.tasks.bike(tmp_path / "hour.csv")
    assert "casual" not in bike.prepared.spec.columns, "part of what is forecast"
    assert bike.observed().shape == (len(bike.origins), 24, 1)
    times = pd.date_range("2013-11-01 13:00", periods=90 * 48, freq="30min")
    demand = pd.DataFrame({"Time": times, "Demand": wave(len(times), 48), "Temperature": wave(len(times), 48, 1)})
    demand.assign(Date=times.date, Holiday=times.day_of_week == 6).to_csv(tmp_path / "demand.csv", index=False)
    vic = accuracy.tasks.vic_elec(tmp_path / "demand.csv")
    last = vic.prepared.source.base.starts[vic.origins.row]
    assert (np.diff(last) == 86_400).all()
    assert pd.Timestamp(last[0], unit="s") == pd.Timestamp("2013-12-31 12:30")


@pytest.mark.parametrize("other", ["WithoutPerceptron", "FromLastValue"])
def test_what_the_direct_path_could_be(accuracy: Any, m4: tuple[Any, dict[str, Any]], other: str) -> None:
    task, _ = m4
    spec = task.prepared.spec
    start = accuracy.direct_paths.STARTS["Gaussian, direct path"]
    normalizer = make_network(spec, accuracy.direct_paths.configuration(task, start).model).normalizer
    direct = getattr(accuracy.direct_paths, other)(spec, normalizer.movement)
    batch = make_batch(task.prepared, task.prepared.split.train.take(slice(0, 2)), (1, 48), torch.device("cpu"))
    location, _ = direct(batch.values, batch.times, batch.horizons)
    past, mean, deviation, unit = direct.window(batch.values)
    first = mean if other == "WithoutPerceptron" else torch.zeros_like(mean)
    torch.testing.assert_close(location, (first / unit).expand(2, -1, 2, -1), msg="weights are 0 before a fit")
    with torch.no_grad():
        direct.enter_bias.normal_()
        direct.leave.normal_()
    changed = direct(batch.values, batch.times, batch.horizons)[0]
    assert torch.equal(changed, location) == (other == "WithoutPerceptron")
    assert torch.isfinite(past / deviation).all()
