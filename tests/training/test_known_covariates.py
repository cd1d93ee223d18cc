"""Covariates that are known ahead: from the file to forecasts, of models and engines alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from cli_runner import error_line, sssd

from sssd_registry import SSSDPipeline, evaluate, open_forecaster, train
from sssd_registry.check_model import sign_model
from sssd_registry.config import DataConfig, load_config
from sssd_registry.data.origins import last_origins
from sssd_registry.data.training_data import training_data
from sssd_registry.data.windows import KNOWN, windows_at
from sssd_registry.errors import LeftOutWarning, SSSDError

CASES = Path(__file__).parents[1] / "cases"
SETTINGS = ["model.location_scale=linear", "training.max_steps=2", "training.validate_every=2"]
N = 900


def rows(kind: str = "level") -> pd.DataFrame:
    """Days of a level that wanders, promotions of +8, three kinds of weather, and a heat that counts beyond 20."""
    random = np.random.default_rng(4)  # of its own: data are the same whatever test came before
    heat = 18 + 9 * random.random(N)
    sky = random.choice(["clear", "rain", "snow"], N)
    promotion = (random.random(N) < 0.15).astype(float)
    effect = 8 * promotion + 2 * np.maximum(heat - 20, 0) - 5 * (sky == "rain")
    base = 0.3 * random.normal(size=N).cumsum() + random.normal(size=N)
    y = 100 * np.exp(0.01 * (effect + base)) if kind == "log-return" else 100 + effect + base
    return pd.DataFrame(
        {"ds": pd.date_range("2020-01-01", periods=N), "y": y, "promotion": promotion, "heat": heat, "sky": sky}
    )


def settings(*more: str) -> list[str]:
    return [*SETTINGS, 'data.known=["promotion", "heat", "sky"]', "data.horizons=[1, 3, 7]", *more]


def to_come(frame: pd.DataFrame, steps: int, **known: object) -> pd.DataFrame:
    """``frame`` with rows to be forecast: no target, and what is known of them."""
    days = pd.date_range(frame["ds"].iloc[-1] + pd.Timedelta(days=1), periods=steps)
    return pd.concat([frame, pd.DataFrame({"ds": days, "y": np.nan, **known})], ignore_index=True)


def test_effects_are_found_where_the_level_wanders() -> None:
    data = training_data(rows(), load_config(None, settings()).data)
    effects = {one.name: np.asarray(one.effects)[:, 0] for one in data.spec.known}
    assert effects["promotion"][0] == pytest.approx(8, abs=0.5)
    assert effects["sky=rain"][0] == pytest.approx(-5, abs=0.5)
    assert effects["sky=snow"][0] == pytest.approx(0, abs=0.5)
    heat = next(one for one in data.spec.known if one.name == "heat")
    numbers = np.array([18.5, 25.0]) - heat.center
    low, high = (effects["heat"] @ [one, *np.maximum(one - np.array(heat.knots), 0)] for one in numbers)
    assert high - low == pytest.approx(10, abs=1.5)


def test_what_says_nothing_has_no_effect() -> None:
    frame = rows().assign(noise=np.random.default_rng(5).normal(size=N))[["ds", "y", "noise"]]
    data = training_data(frame, DataConfig(known=("noise",)))
    assert not np.any(data.spec.known[0].effects)


def test_a_holiday_is_forecast_as_well_as_it_can_be(tmp_path: Path) -> None:
    """The case of the shared folder: the noise alone has a CRPS of .56, and .60 is the most."""
    config = load_config(None, [*SETTINGS, 'data.known=["holiday"]'])
    train(CASES / "holiday.csv", config, tmp_path / "m")
    assert evaluate(open_forecaster(tmp_path / "m"), CASES / "holiday.csv").scores["model"].crps < 0.60


@pytest.mark.parametrize("kind", ["level", "log-return"])
def test_what_is_known_moves_the_forecast_by_its_effect(tmp_path: Path, kind: str) -> None:
    frame = rows(kind)
    pipe = train(frame, load_config(None, settings(f"data.target_kind={kind}")), tmp_path / "m")
    given = {"heat": 19.0, "sky": "clear"}
    with_and_without = [
        pipe(to_come(frame, 7, promotion=[0, 0, on, 0, 0, 0, 0], **given), num_samples=20, generator=1).samples[0]
        for on in (1.0, 0.0)
    ]
    moved = (with_and_without[0] - with_and_without[1])[:, :, 0]  # (S, K)
    assert np.ptp(moved, axis=0).max() < 1e-6  # paths are moved as they are
    np.testing.assert_allclose(
        moved[0], [0, 0.08 if kind == "log-return" else 8, 0], atol=0.008 if kind == "log-return" else 0.7
    )


@pytest.mark.parametrize("kind", ["level", pytest.param("log-return", marks=pytest.mark.long)])
def test_an_engine_knows_the_same(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model

    frame = rows(kind)
    frame.loc[frame.index % 9 == 0, "y"] = np.nan  # and has holes
    more = [f"data.target_kind={kind}", "model.location_scale=direct"]
    pipe = train(frame, load_config(None, settings(*more)), tmp_path / "m")
    direct = pipe.network.normalizer.direct
    assert direct is not None
    torch.manual_seed(0)
    for name in direct.weight_names():  # so that what is known counts for much
        direct.get_buffer(name).normal_(std=0.1)
    direct.use(0.5, torch.ones(1))
    pipe.save_pretrained(tmp_path / "m")
    config = (tmp_path / "m" / "config.json").read_text().replace('"best_step": 0', '"best_step": 2')
    (tmp_path / "m" / "config.json").write_text(config)
    sign_model(tmp_path / "m")
    pipe = SSSDPipeline.from_pretrained(tmp_path / "m")
    export_model(tmp_path / "m", tmp_path / "e", steps=3, samples=8, horizons="1,3")
    engine = open_forecaster(tmp_path / "e")
    coming = to_come(frame, 3, promotion=[1.0, 0, 1], heat=[25.0, 18, 21], sky=["rain", "clear", "snow"])
    source = pipe.source(coming)
    windows = windows_at(source, last_origins(source))
    assert np.isnan(windows.values[KNOWN][0, 3:]).all()
    ours = pipe(coming, horizons=[1, 3], num_inference_steps=3, num_samples=8, generator=5).samples
    made = engine(windows, horizons=None, num_samples=8, seed=5).samples
    np.testing.assert_allclose(made, ours, rtol=1e-4, atol=1e-4)


def test_rows_to_be_forecast_have_to_be_there(tmp_path: Path) -> None:
    frame = rows()
    pipe = train(frame, load_config(None, settings()), tmp_path / "m")
    with pytest.raises(
        SSSDError, match=r"7 of the 7 rows to be forecast are missing; promotion, heat, sky \(data.known"
    ):
        pipe(frame)
    four = to_come(frame, 4, promotion=0.0, heat=20.0, sky="rain")
    with pytest.raises(SSSDError, match="3 of the 7 rows"):
        pipe(four)
    assert np.isfinite(pipe(four, horizons=[1, 3], num_samples=5).samples).all()
    with pytest.raises(SSSDError, match=r"column 'heat', row 901 .*known ahead \(data.known\) and has no value"):
        pipe(to_come(frame, 7, promotion=0.0, heat=np.nan, sky="rain"))
    with pytest.raises(SSSDError, match="no column 'sky'"):
        pipe(frame.drop(columns="sky"))


def test_holidays_of_a_country_need_no_rows(tmp_path: Path) -> None:
    holidays = pytest.importorskip("holidays", reason="the holidays extra is not installed")
    days = pd.date_range("2015-01-01", "2020-12-20")
    calendar = holidays.country_holidays("US", years=range(2015, 2022))
    y = 20 + 15 * np.array([day in calendar for day in days.date]) + np.random.default_rng(6).normal(size=len(days))
    frame = pd.DataFrame({"ds": days, "y": y})
    pipe = train(frame, load_config(None, [*SETTINGS, "data.holidays=US"]), tmp_path / "m")
    made = pipe(frame, horizons=[4, 5, 6], num_samples=200, generator=0)  # 24, 25 and 26 December
    middle = np.median(made.samples[0, :, :, 0], axis=0)
    np.testing.assert_allclose(middle, [20, 35, 20], atol=1.0)
    with pytest.raises(SSSDError, match="no calendar of 'XX'; give an ISO code"):
        training_data(frame, DataConfig(holidays="XX"))


def test_effects_in_a_panel_are_in_each_series_own_size(tmp_path: Path) -> None:
    one = rows()[["ds", "y", "promotion"]]
    panel = pd.concat([one.assign(unique_id="small"), one.assign(unique_id="large", y=1000 * one["y"])])
    config = load_config(None, [*SETTINGS, 'data.known=["promotion"]', "data.horizons=[1, 3]"])
    pipe = train(panel, config, tmp_path / "m")
    both = [
        pd.concat([to_come(part, 3, promotion=on, unique_id=name) for name, part in panel.groupby("unique_id")])
        for on in (1.0, 0.0)
    ]
    moved = np.subtract(*(pipe(frame, num_samples=10, generator=1).samples[:, 0, 0, 0] for frame in both))
    np.testing.assert_allclose(moved, [8000, 8], rtol=0.15)
    check_that_others_are_served(pipe, both[0], tmp_path)


def check_that_others_are_served(pipe: SSSDPipeline, frame: pd.DataFrame, folder: Path) -> None:
    """A series that lacks what is known ahead is named, and left out; with --strict that is refused."""
    whole = pipe(frame, num_samples=10, generator=1)
    small = frame["unique_id"] == "small"
    short = frame[~(small & (frame["ds"] == frame["ds"].max()))]
    empty = frame.assign(promotion=frame["promotion"].where(~(small & (frame["ds"] == frame["ds"].max()))))
    for lacking, words in (
        (short, r"left out: series 'small': 1 of the 3 rows to be forecast are missing; promotion \(data.known"),
        (empty, r"left out: series 'small': column 'promotion', row \d+ .*known ahead \(data.known\) and has no value"),
    ):
        with pytest.warns(LeftOutWarning, match=words):
            made = pipe(lacking, num_samples=10, generator=1)
        assert list(made.series) == ["large"]
        large = whole.samples[list(whole.series).index("large")]
        np.testing.assert_allclose(made.samples[0], large, rtol=1e-6)  # sums over a batch of another size
        lacking.to_csv(folder / "lacking.csv", index=False)
        refused = sssd("forecast", folder / "m", folder / "lacking.csv", "--strict")
        assert "series 'small'" in error_line(refused)
        assert "leave --strict away" in error_line(refused)
    with pytest.raises(SSSDError, match=r"series 'large': 3 of the 3 rows to be forecast are missing, and of 1 more"):
        pipe(frame[frame["y"].notna()])
