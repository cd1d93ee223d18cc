"""Static covariates: a panel whose series grow by their kind is forecast better, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry import SSSDPipeline, evaluate, open_forecaster, train
from sssd_registry.config import load_config
from sssd_registry.data.training_data import training_data
from sssd_registry.errors import LeftOutWarning, SSSDError
from sssd_registry.forecast_ends import forecast_ends

SETTINGS = [
    "training.max_steps=1", 'data.horizons="1:12"', "data.timeframes={\"1d\" = 20}", "data.id=shop",
]  # fmt: skip
GROWTH = {"new": 0.5, "old": -0.5, "usual": 0.0}
N = 160


def shops(seed: int = 0, growth: dict[str, float] = GROWTH) -> pd.DataFrame:
    """24 random walks of steps of 1 about 100, whose growth a day is that of their kind."""
    random = np.random.default_rng(seed)
    days = pd.date_range("2021-01-01", periods=N, freq="D")
    parts = []
    for number in range(24):
        kind = list(growth)[number % 3]
        y = 200 + (growth[kind] + random.normal(size=N)).cumsum()
        parts.append(pd.DataFrame({"ds": days, "shop": f"s{number}", "kind": kind, "area": number * 10.0, "y": y}))
    return pd.concat(parts, ignore_index=True)


def config(*more: str):  # type: ignore[no-untyped-def]
    return load_config(None, [*SETTINGS, *more])


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> SSSDPipeline:
    return train(shops(), config('data.static=["kind", "area"]'), tmp_path_factory.mktemp("static") / "model")


def test_growth_follows_the_kind(pipe: SSSDPipeline) -> None:
    effects = {one.name: one.effects[0][0] * 200 for one in pipe.spec.known}
    assert list(effects) == ["kind=new", "kind=old", "kind=usual", "area"]
    assert effects["kind=new"] == pytest.approx(0.5, abs=0.2)
    assert effects["kind=old"] == pytest.approx(-0.5, abs=0.2)
    assert abs(effects["area"]) < 0.003
    made = pipe(shops(), num_samples=400, generator=0)
    last = shops().groupby("shop", sort=False)["y"].last()
    moved = made.samples[:, :, -1, 0].mean(axis=1) - last[made.series].to_numpy()
    kinds = shops().groupby("shop", sort=False)["kind"].first()[made.series].to_numpy()
    assert moved[kinds == "new"].mean() - moved[kinds == "old"].mean() == pytest.approx(12.0, abs=4.0)


def test_it_helps_a_panel_whose_law_it_is(pipe: SSSDPipeline, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path / "told")
    train(shops().drop(columns=["kind", "area"]), config(), tmp_path / "untold")
    told, untold = (
        evaluate(open_forecaster(tmp_path / name), shops(), num_samples=100).scores["model"].crps_by_horizon[12.0]
        for name in ("told", "untold")
    )
    assert told < 0.95 * untold


def test_a_kind_that_says_nothing_changes_nothing() -> None:
    spec = training_data(shops(1, dict.fromkeys(GROWTH, 0.2)), config("data.static=kind").data).spec
    assert [one.effects for one in spec.known] == [((0.0,),)] * 3


def test_what_is_wrong_is_named(pipe: SSSDPipeline) -> None:
    frame = shops()
    for change, words in (
        (
            {"kind": frame["kind"].where(frame.index != 200, "new")},
            r"series 's1': column 'kind' .*row 20\d: it is new af",
        ),
        (
            {"kind": frame["kind"].where(frame.index != 5)},
            r"series 's0': column 'kind' \(data.static\), row \d+: it has no",
        ),
    ):
        for tried in (lambda data: training_data(data, config("data.static=kind").data), pipe):
            with pytest.raises(SSSDError, match=words):
                tried(frame.assign(**change))
    with pytest.raises(SSSDError, match=r"column 'kind'|'kind'.*data.static"):
        pipe(frame.drop(columns="kind"))
    alone = load_config(None, [one for one in SETTINGS if "id" not in one] + ["data.static=kind"])
    with pytest.raises(SSSDError, match=r"data.static \(kind\) is of the series of a panel, and .* is one series"):
        training_data(frame[frame["shop"] == "s0"].drop(columns="shop"), alone.data)


@pytest.mark.long
def test_an_engine_knows_the_same(pipe: SSSDPipeline, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    from sssd_export.request import export_model

    pipe.save_pretrained(tmp_path / "m")
    export_model(tmp_path / "m", tmp_path / "engine", steps=2, samples=16)
    engine = open_forecaster(tmp_path / "engine")
    ours = forecast_ends(open_forecaster(tmp_path / "m"), shops(), horizons=None, num_samples=20, seed=1)
    made = forecast_ends(engine, shops(), horizons=None, num_samples=20, seed=1)
    np.testing.assert_allclose(made.forecast.samples, ours.forecast.samples, rtol=1e-5)
    assert [one["static"] for one in engine.spec.model_dump()["known"]] == [True] * 4


def test_a_series_of_an_unseen_kind_is_left_out(pipe: SSSDPipeline) -> None:
    frame = shops()
    other = frame.assign(kind=frame["kind"].where(frame["shop"] != "s3", "closed"))
    with pytest.warns(LeftOutWarning, match="series 's3': column 'kind' .* is 'closed', which training never saw"):
        made = pipe(other, num_samples=20, generator=0)
    assert len(made.series) == 23
    np.testing.assert_array_equal(made.samples[3], pipe(frame, num_samples=20, generator=0).samples[4])
    with pytest.raises(SSSDError, match=r"series 's3': column 'kind' .* is 'closed', which training never saw"):
        pipe(other[other["shop"] == "s3"])
