"""Scores: estimators against their definitions, and against what is known of calibrated forecasts."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sssd_registry.data.effective_windows import one_series
from sssd_registry.evaluation.baselines import gaussian_crps
from sssd_registry.evaluation.scores import DECILES, Scores, crps, score

HORIZONS = (1.0, 4.0, 24.0)

Samples = tuple[np.ndarray, np.ndarray, np.ndarray]  # samples, y, origin


def calibrated(windows: int, size: int = 100, shift: float = 0.0, scale: float = 1.0) -> Samples:
    """Samples and outcomes of one distribution around a level that differs by window, horizon and target."""
    rng = np.random.default_rng(0)
    center = rng.normal(10, 3, (windows, 3, 2))
    spread = rng.uniform(0.5, 2, (windows, 3, 2))
    y = center + spread * rng.normal(size=center.shape)
    samples = (center + shift)[:, None] + scale * spread[:, None] * rng.normal(size=(windows, size, 3, 2))
    return samples, y, center.mean(axis=1)


@given(
    values=st.integers(2, 9).flatmap(
        lambda size: arrays(np.float64, (2, size + 1, 2, 1), elements=st.floats(-1e3, 1e3))
    )
)
def test_crps_is_the_double_sum(values: np.ndarray) -> None:
    samples, y = values[:, 1:], values[:, 0]
    size = samples.shape[1]
    pairs = np.abs(samples[:, :, None] - samples[:, None]).sum(axis=(1, 2)) / (size * (size - 1))
    expected = np.abs(samples - y[:, None]).mean(axis=1) - pairs / 2
    np.testing.assert_allclose(crps(samples, y), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [2, 5, 200])
def test_crps_is_unbiased_for_a_gaussian_whatever_the_number_of_samples(size: int) -> None:
    rng = np.random.default_rng(size)
    windows = 400_000 // size
    values = crps(rng.normal(1, 2, (windows, size, 1, 1)), np.full((windows, 1, 1), 0.3))
    exact = float(gaussian_crps(1.0, 2.0, 0.3))
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(windows)
    assert values.std() / math.sqrt(windows) < 0.02 * exact  # so that the line above says something


def test_crps_converges() -> None:
    samples = np.random.default_rng(0).normal(1, 2, (1, 400_000, 1, 1))
    y = np.array([[[-1.7]]])
    assert crps(samples, y).item() == pytest.approx(float(gaussian_crps(1.0, 2.0, -1.7)), rel=0.01)


@pytest.mark.parametrize(("shift", "scale"), [(1.0, 1.0), (-1.0, 1.0), (0.0, 0.5), (0.0, 2.0)])
def test_right_distribution_scores_best(shift: float, scale: float) -> None:
    right, wrong = (score(*calibrated(500, 20, *how), HORIZONS) for how in ((0.0, 1.0), (shift, scale)))
    assert right.crps < wrong.crps
    assert right.weighted_quantile_loss < wrong.weighted_quantile_loss


def test_crps_survives_a_large_level() -> None:
    samples, y, _ = calibrated(10)
    np.testing.assert_allclose(crps(samples + 2.0**30, y + 2.0**30), crps(samples, y), atol=1e-6)


@pytest.mark.parametrize("size", [2, 19, 100])
def test_gluonts_evaluator_gives_the_same_figures(size: int) -> None:
    """GluonTS's, with an item for each window and target: at 100 samples no decile is a sample, nor the median."""
    samples, y, origin = calibrated(40, size)
    y[0] = 0.0  # counted in errors, and in sums over |y|
    got = score(samples, y, origin, HORIZONS)
    totals = gluonts_totals(samples, y)
    assert got.weighted_quantile_loss == pytest.approx(totals["mean_wQuantileLoss"], rel=1e-12)
    assert got.mse == pytest.approx(totals["MSE"], rel=1e-12)
    assert got.mae == pytest.approx(totals["abs_error"] / y.size, rel=1e-12)


def gluonts_totals(samples: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The aggregate metrics of GluonTS's evaluator over ``samples (B, S, K, C)`` and ``y (B, K, C)``."""
    from gluonts.env import env
    from gluonts.evaluation import Evaluator
    from gluonts.model.forecast import SampleForecast

    start = pd.Period("2000-01-01", freq="D")
    # Two values before the forecast: GluonTS's scaled errors, which are not read, divide by their change.
    index = pd.period_range(start - 2, periods=y.shape[1] + 2, freq="D")
    items = [(b, c) for b in range(y.shape[0]) for c in range(y.shape[2])]
    series = (pd.Series(np.concatenate([[0.0, 1.0], y[b, :, c]]), index=index) for b, c in items)
    forecasts = (SampleForecast(samples=samples[b, :, :, c], start_date=start) for b, c in items)
    evaluator = Evaluator(quantiles=DECILES, seasonality=1, num_workers=None, ignore_invalid_values=False)
    with env._let(use_tqdm=False), np.errstate(divide="ignore", invalid="ignore"):
        totals: dict[str, float] = evaluator(series, forecasts)[0]
    return totals


def test_quantile_loss_of_zeros_is_not_a_number_and_says_nothing() -> None:
    samples, y, origin = calibrated(5, 10)
    got = score(samples, np.zeros_like(y), origin, HORIZONS)
    assert not math.isfinite(got.weighted_quantile_loss)
    assert got.to_dict()["weighted_quantile_loss"] is None


def test_figures_are_those_of_their_definitions() -> None:
    samples, y, origin = calibrated(60, size=101)  # with 101 samples each decile is a sample, in every definition
    got = score(samples, y, origin, HORIZONS)
    losses = []
    for q in DECILES:
        error = y - np.quantile(samples, q, axis=1)
        losses.append(2 * np.maximum(q * error, (q - 1) * error).sum() / np.abs(y).sum())
    assert got.weighted_quantile_loss == pytest.approx(np.mean(losses), rel=1e-9)
    assert got.mse == pytest.approx(((samples.mean(axis=1) - y) ** 2).mean(), rel=1e-9)
    assert got.mae == pytest.approx(np.abs(np.median(samples, axis=1) - y).mean(), rel=1e-9)


@pytest.mark.parametrize("size", [19, 100])
def test_calibrated_forecasts_are_covered_at_any_number_of_samples(size: int) -> None:
    got = score(*calibrated(4000, size), HORIZONS)
    assert got.coverage_50 == pytest.approx(0.5, abs=0.015)
    assert got.coverage_90 == pytest.approx(0.9, abs=0.01)


def test_direction_counts_moves_only() -> None:
    origin = np.zeros((8, 1))
    y = np.array([1.0, 1, 1, -1, -1, -1, 0, 0])[:, None, None]
    up = np.ones((8, 4, 1, 1))
    got = score(up * [[[[0.9]]]], y, origin, [1])
    assert got.directional_accuracy == 0.5
    assert got.n_effective == pytest.approx(6)
    assert got.directional_half_width == pytest.approx(1.96 * math.sqrt(0.25 / 6))
    assert score(up * np.sign(y)[:, None], y, origin, [1]).directional_accuracy == 1.0


def test_windows_that_overlap_count_as_fewer() -> None:
    samples, y, origin = calibrated(240)
    one = [
        score(samples[:, :, :1], y[:, :1], origin, [24], places=one_series(240, stride)) for stride in (1, 6, 24, 48)
    ]
    assert [scores.n_effective for scores in one] == pytest.approx([10, 60, 240, 240])
    assert one[0].crps_se == pytest.approx(one[2].crps_se * math.sqrt(24))
    several = score(samples, y, origin, HORIZONS)
    assert 10 < several.n_effective < 240  # between the longest horizon's and the shortest's


def test_standard_error_is_that_of_the_mean() -> None:
    samples, y, origin = calibrated(300)
    got = score(samples[:, :, :1, :1], y[:, :1, :1], origin[:, :1], [1])
    values = crps(samples[:, :, :1, :1], y[:, :1, :1])
    assert got.crps_se == pytest.approx(values.std(ddof=1) / math.sqrt(300))


def test_pooled_crps_is_the_mean_of_the_horizons() -> None:
    got = score(*calibrated(50), HORIZONS)
    assert list(got.crps_by_horizon) == list(HORIZONS)
    assert got.crps == pytest.approx(np.mean(list(got.crps_by_horizon.values())))


def test_nothing_that_moves_is_json_too() -> None:
    got = score(np.zeros((1, 3, 1, 1)), np.zeros((1, 1, 1)), np.zeros((1, 1)), [1.5])
    plain = json.loads(json.dumps(got.to_dict(), allow_nan=False))
    assert plain["directional_accuracy"] is None
    assert plain["weighted_quantile_loss"] is None
    assert plain["crps_by_horizon"] == {"1.5": 0.0}
    assert got.rows()


def test_json_and_table_hold_every_field() -> None:
    got = score(*calibrated(50), HORIZONS)
    assert set(got.to_dict()) == set(Scores.__dataclass_fields__)
    table = got.rows()
    assert table["coverage of the 90 % interval"] == f"{got.coverage_90:.1%}"
    assert len(table) == 8 + len(HORIZONS)


def test_output_stays_clean_and_it_is_quick(capfd: pytest.CaptureFixture[str]) -> None:
    data = calibrated(700)
    started = time.perf_counter()
    score(*data, HORIZONS)
    assert time.perf_counter() - started < 5
    assert capfd.readouterr() == ("", "")


def test_shapes_must_belong_together() -> None:
    samples, y, origin = calibrated(5)
    with pytest.raises(ValueError, match="2 horizons"):
        score(samples, y, origin, [1, 2])
    with pytest.raises(ValueError, match="samples"):
        score(samples, y[1:], origin, HORIZONS)
    with pytest.raises(ValueError, match="2 samples or more"):
        crps(samples[:, :1], y)
