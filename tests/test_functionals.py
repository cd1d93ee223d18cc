"""Functionals of paths, first passage, and the frame of paths: what belongs to one path stays together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast, write_forecast
from sssd_registry.functionals import FUNCTIONALS

B, S, K, C = 2, 400, 3, 2


def make(**changes: Any) -> Forecast:
    origins = np.array(["2018-01-05T22:00", "2018-01-08T03:00"], dtype="datetime64[ns]")
    fields: dict[str, Any] = {
        "samples": np.random.default_rng(0).normal(size=(B, S, K, C)).cumsum(axis=2),
        "horizons": (1, 4, 24),
        "targets": ("Close", "Volume"),
        "series": np.array(["EUR", "GBP"], dtype=object),
        "origin_times": origins,
        "times": origins[:, None] + np.array([1, 4, 24], dtype="timedelta64[h]"),
        "id_column": "pair",
        "time_column": "when",
    }
    return Forecast(**fields | changes)


def shuffled() -> Forecast:
    """The same forecast, its horizons in another order."""
    order = [2, 0, 1]
    made = make()
    return make(
        samples=made.samples[:, :, order],
        horizons=tuple(made.horizons[k] for k in order),
        times=made.times[:, order],
    )


@pytest.mark.parametrize("name", FUNCTIONALS)
def test_a_functional_is_that_of_each_path(name: str) -> None:
    forecast = make()
    a, b, c = np.moveaxis(forecast.samples, 2, 0)
    expected = {
        "mean": (a + b + c) / 3,
        "sum": a + b + c,
        "max": np.maximum(np.maximum(a, b), c),
        "min": np.minimum(np.minimum(a, b), c),
        "range": np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c),
        "last-first": c - a,
    }[name]
    np.testing.assert_allclose(forecast.functional(name), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(shuffled().functional(name), forecast.functional(name))


def test_quantiles_of_a_functional_are_not_the_functional_of_quantiles() -> None:
    forecast = make()
    several = forecast.functional("mean", [0.05, 0.95])
    assert several.shape == (2, B, C)
    np.testing.assert_array_equal(several[1], forecast.functional("mean", 0.95))
    np.testing.assert_array_equal(several[1], np.quantile(forecast.samples.mean(axis=2), 0.95, axis=1))
    assert not np.allclose(several[1], forecast.quantile(0.95).mean(axis=1), rtol=0.02)


def test_a_function_sees_paths_in_the_order_of_time() -> None:
    forecast = make()
    by_target = forecast.functional(lambda paths: np.abs(np.diff(paths, axis=2)).sum(axis=2))
    np.testing.assert_array_equal(shuffled().functional(lambda p: np.abs(np.diff(p, axis=2)).sum(axis=2)), by_target)
    spread = forecast.functional(lambda paths: (paths[..., 0] - paths[..., 1]).max(axis=2))
    assert (by_target.shape, spread.shape) == ((B, S, C), (B, S, 1))
    assert forecast.functional(lambda paths: paths[..., 0].sum(axis=2), 0.5).shape == (B, 1)


def test_what_is_no_functional_is_refused() -> None:
    with pytest.raises(SSSDError, match="no functional 'median': give mean, sum, max, min, range, last-first, or"):
        make().functional("median")
    with pytest.raises(ValueError, match=r"returned shape \(2, 3, 2\) for paths"):
        make().functional(lambda paths: paths.mean(axis=1))


@given(level=st.floats(-3, 3), falling=st.booleans())
def test_first_passage_is_that_of_a_walk_along_each_path(level: float, falling: bool) -> None:
    forecast = make(samples=make().samples[:, :30])
    found = shuffled_like(forecast).first_passage(level, falling=falling)
    assert found.horizons == (1, 4, 24)
    for window, sample, target in np.ndindex(found.samples.shape):
        path = zip(forecast.horizons, forecast.samples[window, sample, :, target], strict=True)
        expected = next((h for h, x in path if (x <= level if falling else x >= level)), np.inf)
        assert found.samples[window, sample, target] == expected
    np.testing.assert_allclose(found.probability.sum(axis=1) + found.never, 1.0)
    # A path has been at the level by the last horizon where its highest, or lowest, value is there.
    extreme = forecast.functional("min" if falling else "max")
    reached = (extreme <= level if falling else extreme >= level).mean(axis=1)
    np.testing.assert_allclose(found.by_horizon[:, -1], reached)


def shuffled_like(forecast: Forecast) -> Forecast:
    order = [1, 2, 0]
    return make(
        samples=forecast.samples[:, :, order],
        horizons=tuple(forecast.horizons[k] for k in order),
        times=forecast.times[:, order],
    )


def test_levels_may_differ_by_window_and_target() -> None:
    forecast = make()
    level = np.array([[-100.0, 100.0], [0.0, 0.5]])
    found = forecast.first_passage(level)
    assert (found.samples[0, :, 0] == 1).all()
    assert found.never[0, 1] == 1.0
    np.testing.assert_array_equal(found.samples[1, :, 1], forecast.first_passage(0.5).samples[1, :, 1])


@given(
    window=st.integers(0, B - 1), sample=st.integers(0, 6), horizon=st.integers(0, K - 1), target=st.integers(0, C - 1)
)
def test_each_row_of_the_frame_of_paths_is_the_value_it_names(
    window: int, sample: int, horizon: int, target: int
) -> None:
    forecast = make(samples=make().samples[:, :7])
    frame = forecast.paths_frame()
    assert list(frame) == ["pair", "origin", "sample", "horizon", "when", "target", "value"]
    assert len(frame) == B * 7 * K * C
    row = frame.iloc[np.ravel_multi_index((window, sample, horizon, target), (B, 7, K, C))]
    assert (row["pair"], row["sample"]) == (forecast.series[window], sample)
    assert (row["horizon"], row["target"]) == (forecast.horizons[horizon], forecast.targets[target])
    assert row["value"] == forecast.samples[window, sample, horizon, target]
    assert row["when"] == pd.Timestamp(forecast.times[window, horizon])


def test_a_functional_is_one_groupby_of_the_frame() -> None:
    forecast = make()
    grouped = forecast.paths_frame().groupby(["pair", "target", "sample"])["value"].max()
    np.testing.assert_array_equal(grouped["GBP"]["Volume"], forecast.functional("max")[1, :, 1])


@pytest.mark.parametrize("column", ["id_column", "time_column"])
@pytest.mark.parametrize("name", ["sample", "value"])
def test_the_frame_of_paths_refuses_two_columns_of_one_name(column: str, name: str) -> None:
    with pytest.raises(SSSDError, match=f"two columns '{name}': rename yours"):
        make(**{column: name}).paths_frame()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_files_hold_the_paths_to_the_last_digit(tmp_path: Path, suffix: str) -> None:
    forecast = make(samples=1e-9 * make().samples[:, :5])
    file = tmp_path / f"paths{suffix}"
    write_forecast(forecast, file, paths=True)
    read = {
        ".csv": lambda: pd.read_csv(file, float_precision="round_trip"),
        ".parquet": lambda: pd.read_parquet(file),
        ".json": lambda: pd.read_json(file, precise_float=True),
    }[suffix]()
    assert list(read) == list(forecast.paths_frame())
    np.testing.assert_allclose(read["value"], forecast.samples.ravel(), rtol=0 if suffix != ".json" else 1e-15)
