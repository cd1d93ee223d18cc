"""The ridge behind the linear location: its sums, its folds, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.training.fit_location import (
    Fold,
    Penalties,
    Regression,
    best_penalties,
    fit_location,
    left_out,
    make_folds,
    moments,
    reweighted,
    ridge,
    summed,
)

PLAIN = 3


def regression(
    rows: int = 4500, terms: int = 5, targets: int = 2, common: float = 1.0, noise: float = 1.0, seed: int = 0
) -> tuple[Regression, torch.Tensor]:
    """Rows of a linear truth ``(G, P, C)``, of which a share is common to all targets."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, terms, targets, generator=random, dtype=torch.float64)
    shared = torch.randn(2, terms, 1, generator=random, dtype=torch.float64)
    own = torch.randn(2, terms, targets, generator=random, dtype=torch.float64)
    truth = common * shared + (1 - common) * own
    y = torch.einsum("gpc,npc->ngc", truth, x)
    y += noise * torch.randn(y.shape, generator=random, dtype=torch.float64)
    size, equally = torch.ones(terms, dtype=torch.float64), torch.ones_like(x[:, 0])
    return Regression(lambda part: x[part], y, size, PLAIN, equally, folds(rows)), truth


def weights_of(data: Regression, penalties: Penalties, without: slice | None = None) -> torch.Tensor:
    whole = summed(data).whole
    return ridge(whole if without is None else whole - moments(data, without), data, penalties)


def folds(rows: int, gap: int = 5) -> list[Fold]:
    return make_folds(rows, gap)


@given(rows=st.integers(1, 3000), gap=st.integers(1, 400))
def test_folds_score_every_row_once_and_fit_on_none_near(rows: int, gap: int) -> None:
    made = folds(rows, gap)
    scored = [row for fold in made for row in range(fold.score.start, fold.score.stop)]
    assert scored in ([], list(range(rows)))
    for fold in made:
        assert fold.near.start == max(0, fold.score.start - gap)
        assert fold.near.stop == min(rows, fold.score.stop + gap)
        assert fold.near.stop - fold.near.start < rows, "something is left to fit on"


def test_weights_are_those_of_least_squares_where_nothing_is_drawn_anywhere() -> None:
    data, _ = regression(common=0.3)
    weights = weights_of(data, Penalties(turning=True, shared=1e-9, own=1e-9))
    x = data.terms(slice(0, len(data.moved)))
    for target in range(2):
        expected = torch.linalg.lstsq(x[:, :, target], data.moved[:, :, target]).solution
        torch.testing.assert_close(weights[:, :, target].T, expected, rtol=1e-4, atol=1e-4)


def test_what_is_left_out_plays_no_part() -> None:
    data, _ = regression()
    penalties, without = Penalties(turning=True, shared=0.1, own=1.0), slice(1000, 2200)
    before = weights_of(data, penalties, without=without)
    changed = data.moved.clone()
    changed[without] += 100 * torch.randn(changed[without].shape, dtype=torch.float64)
    after = weights_of(replace(data, moved=changed), penalties, without=without)
    torch.testing.assert_close(before, after, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(before, weights_of(data, penalties))


def residuals_of(data: Regression, penalties: Penalties) -> torch.Tensor:
    """What is left of all rows, put together."""
    parts = list(left_out(data, summed(data), penalties))
    assert [row for rows, _ in parts for row in range(rows.start, rows.stop)] == list(range(len(data.moved)))
    return torch.cat([left for _, left in parts])


def in_parts(residual: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    for first in range(0, len(residual), 1000):
        rows = slice(first, min(first + 1000, len(residual)))
        yield rows, residual[rows]


def test_residuals_are_those_of_folds_not_fitted_on() -> None:
    data, _ = regression()
    penalties = Penalties(turning=False, shared=0.1, own=1.0)
    residual = residuals_of(data, penalties)
    fold = data.folds[2]
    location = weights_of(data, penalties, without=fold.near)
    assert not location[:, PLAIN:].any(), "terms that turn have no weight"
    expected = data.moved[fold.score] - torch.einsum("gpc,npc->ngc", location, data.terms(fold.score))
    torch.testing.assert_close(residual[fold.score], expected)


@pytest.mark.parametrize(("common", "own"), [(1.0, 10.0), (0.1, 0.01)])
def test_targets_are_alike_as_far_as_they_are(common: float, own: float) -> None:
    """Weights that all share are kept where all do the same, and left where each does something else."""
    data, _ = regression(rows=1200, targets=4, common=common, noise=4.0 * common + 0.1)
    penalties = best_penalties(data, summed(data))
    assert penalties is not None
    assert penalties.own == own


def test_noise_has_no_location_and_too_few_rows_have_none() -> None:
    data, _ = regression()
    noise = replace(data, moved=torch.randn_like(data.moved))
    assert best_penalties(noise, summed(noise)) is None
    points = torch.arange(data.moved.shape[1])
    assert fit_location(noise, points) is None
    assert fit_location(data, points) is not None
    assert fit_location(replace(data, folds=[]), points) is None


def test_rows_that_are_missed_by_far_say_little() -> None:
    data, truth = regression(rows=1200)
    wild = data.moved.clone()
    wild[::20] += 60 * torch.randn(wild[::20].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    data = replace(data, moved=wild)
    penalties = Penalties(turning=True, shared=1e-3, own=0.1)
    plain = weights_of(data, penalties)
    again = weights_of(reweighted(data, partial(left_out, data, summed(data), penalties)), penalties)
    assert (again - truth).abs().max() < 0.5 * (plain - truth).abs().max()


def test_rows_weigh_as_the_formula_says_however_many_there_are() -> None:
    """Some are looked at at a time, and they do not end with a round number here."""
    data, _ = regression(rows=4100)
    residual = torch.randn(4100, 71, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    size = residual.abs()
    expected = (0.5 + (size / size.mean(dim=0)).mean(dim=1)) ** -2
    torch.testing.assert_close(
        reweighted(data, lambda: in_parts(residual)).row_weights, expected / expected.mean(dim=0)
    )
