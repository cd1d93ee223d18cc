"""Peers that draw paths, and LightGBM's rows: what they are told, and that paths are joined as they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest


def test_random_walk_paths_have_its_marginals_and_a_walks_correlation(accuracy: Any, etth1: Any) -> None:
    paths = accuracy.path_peers.random_walk(etth1)
    assert paths.shape == (len(etth1.origins), 100, 24, 7)
    marginals = accuracy.classical.random_walk(etth1)
    np.testing.assert_allclose(paths.std(axis=1).mean(axis=0), marginals.std(axis=1).mean(axis=0), rtol=0.05)
    moves = paths - paths.mean(axis=1, keepdims=True)
    over_time = np.corrcoef(moves[..., 0].reshape(-1, 24), rowvar=False)
    assert over_time[5, 23] == pytest.approx((6 / 24) ** 0.5, abs=0.05)


def test_targets_of_a_walk_move_together_as_they_did(accuracy: Any, etth1: Any) -> None:
    frame = etth1.frame.assign(b=etth1.frame["a"] + 0.1 * etth1.frame["b"])
    task = replace(etth1, frame=frame)
    paths = accuracy.path_peers.random_walk(task)
    moves = (paths - paths.mean(axis=1, keepdims=True))[:, :, 0].reshape(-1, 7)
    assert np.corrcoef(moves, rowvar=False)[0, 1] == pytest.approx(
        accuracy.path_peers._moves_together(task)[0, 1], abs=0.03
    )


def test_residual_paths_are_whole_paths_of_the_validation_part(
    accuracy: Any, etth1: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    location, residuals = random.normal(size=(5, 24, 7)), random.normal(size=(60, 24, 7))
    monkeypatch.setattr(accuracy.path_peers, "fitted_nlinear", lambda *_: (location, residuals))
    paths = accuracy.path_peers.nlinear(etth1)
    one = paths[3, 7] - location[3]
    assert np.isclose(residuals, one).all(axis=(1, 2)).sum() == 1


@pytest.mark.parametrize("name", ["independent", "along a walk"])
def test_marginals_joined_otherwise_stay_the_same(accuracy: Any, name: str) -> None:
    random = np.random.default_rng(0)
    samples = random.normal(size=(40, 200, 1, 2)) * np.arange(1, 9)[:, None]  # each path a straight line
    peers = accuracy.path_peers
    made = peers.independent(samples) if name == "independent" else peers.along_a_walk(samples, tuple(range(1, 9)))
    np.testing.assert_array_equal(np.sort(made, axis=1), np.sort(samples, axis=1))
    correlation = np.corrcoef(made[..., 0].reshape(-1, 8), rowvar=False)[1, 7]
    assert correlation == pytest.approx(0.0 if name == "independent" else 0.5, abs=0.04)
    assert np.corrcoef(made[:, :, 7].reshape(-1, 2), rowvar=False)[0, 1] == pytest.approx(0.0, abs=0.04)


def test_boosted_trees_are_told_nothing_of_what_comes(accuracy: Any, etth1: Any) -> None:
    origins = etth1.origins.take(np.arange(3))
    rows = accuracy.boosted._rows(etth1, origins)
    later = etth1.frame.copy()
    later.iloc[int(origins.row.max()) + 1 :, 1:] = 0.0
    other = accuracy.boosted._rows(replace(etth1, frame=later), origins)
    np.testing.assert_array_equal(rows.told, other.told)
    assert rows.told.shape[0] == 3 * 24 * 7
    observed = etth1.observed(origins).reshape(-1)
    np.testing.assert_allclose(rows.last + rows.unit * rows.moved, observed)


def test_boosted_quantiles_are_filled_in_by_a_normals(accuracy: Any) -> None:
    from scipy.stats import norm

    known = norm.ppf(accuracy.boosted._LEVELS)[:, None]
    made = accuracy.boosted._between(known)[:, 0]
    np.testing.assert_allclose(made, norm.ppf((np.arange(len(made)) + 0.5) / len(made)), atol=1e-9)
