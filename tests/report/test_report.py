"""What a report holds: the numbers of the evaluation, within six megabytes, and no text that becomes code."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.spec import resolve
from sssd_registry.data.windows import Windows
from sssd_registry.evaluation.evaluate import evaluate, score_rivals
from sssd_registry.evaluation.rivals import Rivals, forecast_rivals
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import dated_forecast
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.report.collect import About, collect
from sssd_registry.report.front import points_of
from sssd_registry.report.page import embedded
from sssd_registry.report.rounding import decimals_for, rounded

pytest.importorskip("plotly", reason="the report extra is not installed")

ABOUT = About("tiny", "data", [["seed", "0"]], (None, 1_700_000_000))


@pytest.fixture(scope="module")
def made(tiny_model: Path, tiny_frame: pd.DataFrame) -> Rivals:
    return forecast_rivals(open_forecaster(tiny_model, steps=2), tiny_frame, num_samples=30, max_windows=40)


@pytest.fixture(scope="module")
def content(made: Rivals, tiny_frame: pd.DataFrame) -> dict[str, Any]:
    return collect(made, tiny_frame, ABOUT, 10)


def page_content(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found.group(1))
    return content


def test_scores_are_those_of_the_evaluation(
    made: Rivals, content: dict[str, Any], tiny_model: Path, tiny_csv: Path
) -> None:
    result = score_rivals(made)
    again = evaluate(open_forecaster(tiny_model, steps=2), tiny_csv, num_samples=30, max_windows=40)
    assert result.to_dict() == again.to_dict()
    for name, scores in result.scores.items():
        shown = content["crps"][0][name]["mean"]
        np.testing.assert_allclose(shown, list(scores.crps_by_horizon.values()), rtol=1e-2)
    assert np.allclose(content["calibration"][0]["pit"], result.calibration.pit, atol=1e-4)
    share = content["crps"][0]["random walk"]
    rows = {name: np.array(content["crps"][0][name]["mean"]) for name in ("model", "random walk")}
    np.testing.assert_allclose(share["share"], rows["model"] / rows["random walk"], rtol=1e-2)


def test_fans_are_the_forecasts_at_their_origins(
    made: Rivals, content: dict[str, Any], tiny_frame: pd.DataFrame
) -> None:
    close = tiny_frame.set_index("time")["close"].tz_localize("UTC")
    assert len(content["fans"]) == 10
    for fan in content["fans"]:
        one = fan["targets"][0]
        for times, values in ((fan["past"], one["history"]), (fan["times"], one["actual"])):
            np.testing.assert_allclose(close[pd.to_datetime(times, utc=True)], values, atol=1e-6)
        levels = np.array(one["fan"])  # (Q, K)
        assert (np.diff(levels, axis=0) >= 0).all()
        assert one["functionals"]["max"][-1] == pytest.approx(max(one["actual"]))
    last = np.quantile(made.samples["model"][-1, :, :, 0], content["levels"], axis=0)
    np.testing.assert_allclose(content["fans"][-1]["targets"][0]["fan"], last, atol=1e-6)


def test_the_data_are_told(content: dict[str, Any], tiny_frame: pd.DataFrame) -> None:
    data = content["data"]
    assert {row[0]: row[1] for row in data["columns"]}["close"] == "forecast"
    assert data["gaps"] == 4  # weekends
    assert data["longest_gaps"][0][-1] == "2.04 d"
    assert data["split"] == [None, "2023-11-14 22:13"]
    picture = data["pictures"][0]
    assert picture["bars"] == len(tiny_frame)
    assert min(picture["targets"][0]["low"]) == pytest.approx(tiny_frame["close"].min(), abs=1e-5)


class Noise:
    """A forecaster of the last value with noise, of 10 targets 200 bars ahead."""

    num_samples, random_walk_window = 8, 12

    def __init__(self, frame: pd.DataFrame) -> None:
        config = DataConfig(id="id", targets="all", horizons=tuple(range(1, 201)), timeframes={"1h": 24})
        self.spec = resolve(config, read_frame(frame, config))
        self.test_start = int(frame["time"].iloc[180].timestamp())

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        assert horizons is not None
        last = windows.values[self.spec.base.name][:, -1]  # (B, V)
        shape = (len(last), num_samples, len(horizons), last.shape[1])
        samples = last[:, None, None] + np.random.default_rng(seed).standard_normal(shape)
        return dated_forecast(samples, windows, self.spec, [float(h) for h in horizons])


def test_a_large_panel_stays_small() -> None:
    """Many series, many targets, many horizons: the menus are cut, and the page says so."""
    random = np.random.default_rng(1)
    times = pd.date_range("2024-01-01", periods=600, freq="h")
    series = [
        pd.DataFrame(random.standard_normal((600, 10)).cumsum(axis=0), columns=[f"load {n}" for n in range(10)]).assign(
            time=times, id=f"house {number}"
        )
        for number in range(15)
    ]
    frame = pd.concat(series, ignore_index=True)
    made = forecast_rivals(Noise(frame), frame, max_windows=30)
    content = collect(made, frame, ABOUT, 40)
    assert len(embedded(content)) < 1_100_000
    assert len(content["fans"]) == len(content["series"]) == 3
    assert content["left_out"] == "2 more targets, 9 more series, 104 more horizons are scored and not drawn"
    assert len(content["horizons"]) == len(content["fans"][0]["targets"][0]["actual"]) == 96
    assert content["horizons"][-1] == 200


def test_text_does_not_become_code() -> None:
    nasty = "</script><script>alert(1)</script><!-- \u2028"
    text = embedded({"name": nasty})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"name": nasty}


def test_numbers_are_short() -> None:
    assert rounded([[1.23456, 2.0], [np.nan, -0.00001]], 2) == [[1.23, 2], [None, 0]]
    assert rounded([1.1012345], decimals_for(0.0005)) == [1.1012345]
    assert rounded([123456.0], decimals_for(3e6)) == [123000]


def test_the_front_is_read_from_compare_and_auto() -> None:
    rows = [{"scheduler": "a", "steps": 4, "milliseconds": ms, "crps": crps} for ms, crps in ((1, 3), (2, 2), (3, 2))]
    found = points_of({"rows": rows})
    assert found is not None
    assert [point["front"] for point in found["points"]] == [True, True, False]
    assert points_of({"search": {"engines": [{"label": "x", "milliseconds": 1.0, "crps": 2.0}]}}) is not None
    for other in ({}, {"rows": []}, {"rows": [{"crps": 1.0}]}, {"rows": [1]}, {"search": {"engines": 3}}):
        assert points_of(other) is None


def test_the_command_writes_one_page_of_a_model_and_of_an_engine(
    tiny_model: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    engine = Path(__file__).parents[1] / "golden" / "engine"
    for folder, horizons in ((tiny_model, [1, 4]), (engine, [1, 4, 44, 60])):
        page = tmp_path / f"{folder.name}.html"
        outcome = sssd("report", folder, tiny_csv, "--out", page, "--max-windows", 6, "--samples", 8)
        assert (outcome.code, outcome.words) == (0, ""), outcome.err
        assert page.stat().st_size < 6_000_000
        content = page_content(page)
        assert content["name"] == f"{folder.name} on bars.csv"
        assert content["horizons"] == horizons
        assert ["kind", "engine" if folder == engine else "model"] in content["settings"]


def test_refusals_come_before_any_work(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    assert ".html" in error_line(sssd("report", tiny_model, tiny_csv, "--out", tmp_path / "report.pdf"))
    (tmp_path / "front.json").write_text("{}")
    refused = ["report", tiny_model, tiny_csv, "--out", tmp_path / "r.html", "--front", tmp_path / "front.json"]
    assert "compare --json" in error_line(sssd(*refused))
    missing = ["report", tmp_path / "none", tiny_csv, "--out", tmp_path / "r.html"]
    assert "there is no such folder" in error_line(sssd(*missing))
    assert not (tmp_path / "r.html").exists()
