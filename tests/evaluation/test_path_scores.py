"""Scores of paths: functionals in data units, by target, and calibrated where the paths are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import scoringrules

from sssd_registry.data.effective_windows import one_series
from sssd_registry.evaluation import path_scores as module
from sssd_registry.evaluation.path_scores import SCORED, PathScores, path_scores
from sssd_registry.evaluation.scores import crps, score
from sssd_registry.functionals import FUNCTIONALS

BARS = (1, 2, 3, 5, 8)
TARGETS = ("price", "volume")
UNITS = np.array([1.0, 1000.0])


def made(windows: int = 1500, size: int = 99) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples and outcomes of random walks from an origin, in two units."""
    rng = np.random.default_rng(0)
    steps = np.sqrt(np.diff(BARS, prepend=0.0))[:, None]
    origin = 10 * UNITS * rng.uniform(1, 2, (windows, 2))
    walks = (rng.normal(size=(windows, size + 1, len(BARS), 2)) * steps).cumsum(axis=2) * UNITS + origin[:, None, None]
    return walks[:, 1:], walks[:, 0], origin


def independent(samples: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).permuted(samples, axis=1)


@pytest.fixture(scope="module")
def right() -> PathScores:
    return path_scores(*made(), BARS, TARGETS)


def test_paths_of_the_right_law_are_covered(right: PathScores) -> None:
    assert tuple(right.functionals) == SCORED
    for found in right.functionals.values():
        for target in TARGETS:
            assert found.coverage_50[target] == pytest.approx(0.5, abs=0.04)
            assert found.coverage_90[target] == pytest.approx(0.9, abs=0.025)


def test_independent_horizons_are_found_out(right: PathScores) -> None:
    samples, y, origin = made()
    wrong = path_scores(independent(samples), y, origin, BARS, TARGETS)
    assert score(samples, y, origin, BARS).coverage_90 == score(independent(samples), y, origin, BARS).coverage_90
    assert wrong.functionals["mean"].coverage_90["price"] < 0.75
    assert wrong.functionals["range"].coverage_90["price"] < right.functionals["range"].coverage_90["price"]
    for name in ("mean", "range"):
        assert wrong.functionals[name].crps["price"] > right.functionals[name].crps["price"]
    assert wrong.energy_score > right.energy_score
    assert wrong.variogram_score > right.variogram_score


@pytest.mark.parametrize("name", SCORED)
def test_a_functionals_crps_is_scoringrules_in_data_units(right: PathScores, name: str) -> None:
    samples, y, _ = made()
    drawn, observed = FUNCTIONALS[name](samples), FUNCTIONALS[name](y)  # (B, S, C), (B, C)
    for column, target in enumerate(TARGETS):
        expected = scoringrules.crps_ensemble(
            observed[:, column], drawn[..., column], estimator="fair", backend="numpy"
        )
        assert right.functionals[name].crps[target] == pytest.approx(expected.mean(), rel=1e-9)


def test_units_of_targets_do_not_matter_where_they_are_pooled(right: PathScores) -> None:
    samples, y, origin = made()
    other = path_scores(*(values * [7.0, 1e-5] for values in (samples, y, origin)), BARS, TARGETS)
    for name in ("energy_score", "energy_score_se", "variogram_score", "variogram_score_se", "crps_sum"):
        assert getattr(other, name) == pytest.approx(getattr(right, name), rel=1e-6)
    assert other.functionals["max"].crps["price"] == pytest.approx(7 * right.functionals["max"].crps["price"])
    assert other.target_scales["price"] == pytest.approx(7 * right.target_scales["price"])


def test_levels_that_lie_apart_do_not_hide_how_targets_move_together() -> None:
    samples, y, origin = made(300)
    shifted = [values + np.array([0.0, 1e9]) for values in (samples, y, origin)]
    assert path_scores(*shifted, BARS, TARGETS).variogram_score == pytest.approx(
        path_scores(samples, y, origin, BARS, TARGETS).variogram_score, rel=1e-3
    )


def test_one_target_is_in_data_units() -> None:
    samples, y, origin = (values[..., :1] for values in made(200))
    small = path_scores(samples, y, origin, BARS, ["price"])
    large = path_scores(10 * samples, 10 * y, 10 * origin, BARS, ["price"])
    assert small.target_scales == large.target_scales == {"price": 1.0}
    assert large.energy_score == pytest.approx(10 * small.energy_score)
    assert large.variogram_score == pytest.approx(10 * small.variogram_score)
    assert small.crps_sum == pytest.approx(crps(samples, y).mean())
    assert small.crps_sum_se == pytest.approx(score(samples, y, origin, BARS).crps_se)


def test_the_sum_over_targets_is_scored() -> None:
    samples, y, origin = made(100)
    got = path_scores(samples, y, origin, BARS, TARGETS)
    scales = np.array(list(got.target_scales.values()))
    np.testing.assert_allclose(scales, np.sqrt(((y - origin[:, None]) ** 2).mean(axis=(0, 1))))
    expected = crps((samples / scales).sum(axis=3)[..., None], (y / scales).sum(axis=2)[..., None]).mean()
    assert got.crps_sum == pytest.approx(expected, rel=1e-9)


def test_windows_that_overlap_within_the_path_count_as_one() -> None:
    data = made(160, 9)
    alone, dense = (path_scores(*data, BARS, TARGETS, places=one_series(160, stride)) for stride in (8, 1))
    for name in ("energy_score_se", "variogram_score_se"):
        assert getattr(dense, name) == pytest.approx(np.sqrt(8) * getattr(alone, name))
    of = [scores.functionals["range"].crps_se["volume"] for scores in (dense, alone)]
    assert of[0] == pytest.approx(np.sqrt(8) * of[1])


def test_parts_do_not_change_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made(20, 9)
    whole = path_scores(*data, BARS, TARGETS)
    monkeypatch.setattr(module, "_AT_ONCE", 200)
    parts = path_scores(*data, BARS, TARGETS)
    assert parts.functionals == whole.functionals
    assert parts.energy_score == pytest.approx(whole.energy_score, rel=1e-12)


def values_of(tree: dict[str, Any]) -> list[Any]:
    return [leaf for one in tree.values() for leaf in (values_of(one) if isinstance(one, dict) else [one])]


def test_json_and_table_hold_what_was_scored(right: PathScores) -> None:
    tree = json.loads(json.dumps(right.to_dict(), allow_nan=False))
    assert set(tree) == set(PathScores.__dataclass_fields__)
    assert len(values_of(tree)) == 6 + 2 + len(SCORED) * 4 * len(TARGETS)
    rows = right.rows()
    assert rows["energy score, targets scaled"].startswith(f"{right.energy_score:.4g} ± ")
    assert rows["path's range of volume, CRPS"].startswith(f"{right.functionals['range'].crps['volume']:.4g} ± ")
    assert "path's last less first, in 50 / 90 %" in rows
    assert len(rows) == 3 + len(SCORED) * (len(TARGETS) + 1)


def test_one_horizon_and_one_window_have_scores_too() -> None:
    samples, y, origin = (values[:1] for values in made(2, 5))
    got = path_scores(samples[:, :, :1], y[:, :1], origin, [1], TARGETS)
    assert got.functionals == {}
    tree = json.loads(json.dumps(got.to_dict(), allow_nan=False))
    assert tree["energy_score_se"] is None
    assert got.rows()


def test_horizons_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match="horizons ascend"):
        path_scores(*made(2, 5), BARS[::-1], TARGETS)
