"""Bounds and whole numbers as maps: monotone, within bounds, and never a worse score for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from sssd_registry.config import Bounds
from sssd_registry.data.spec import DataSpec
from sssd_registry.evaluation.scores import crps
from sssd_registry.model.target_values import TargetValues
from sssd_registry.storage.model_folder import read_model_folder

LINE = torch.linspace(-50, 50, 20_001, dtype=torch.float64).unsqueeze(-1)


@pytest.fixture
def make(tiny_model):  # type: ignore[no-untyped-def]
    spec = read_model_folder(tiny_model).network.spec

    def made(bounds: Sequence[Bounds] = (), margins: Sequence[float] = (0, 0), **changes: object) -> TargetValues:
        whole: DataSpec = spec.model_copy(update={"bounds": tuple(bounds), **changes})
        values = TargetValues(whole)
        if bounds:
            values.set_margins(torch.tensor(margins, dtype=torch.float32).unsqueeze(-1))
        return values

    return made


def test_a_model_without_bounds_has_no_more_tensors(make) -> None:  # type: ignore[no-untyped-def]
    values = make()
    assert not values.state_dict()
    assert values(LINE) is LINE
    assert not values.changes_samples


@pytest.mark.parametrize(
    ("bounds", "margins"),
    [
        ((0.0, None), (0, 0)),
        ((0.0, None), (1, 0)),
        ((None, 7.0), (0, 2)),
        ((-3.0, 4.0), (1.5, 1.5)),
        ((0.0, 1.0), (0, 0)),
    ],
)
def test_all_is_within_bounds_and_in_order(make, bounds: Bounds, margins: tuple[float, float]) -> None:  # type: ignore[no-untyped-def]
    values = make([bounds], margins)(LINE)[:, 0]
    low, high = (float("-inf") if bounds[0] is None else bounds[0]), (float("inf") if bounds[1] is None else bounds[1])
    assert values.min() >= low
    assert values.max() <= high
    assert (values.diff() >= 0).all()
    open_ends = (margins[0] > 0 or bounds[0] is None) and (margins[1] > 0 or bounds[1] is None)
    assert (values.diff() > 0).all() == open_ends
    if margins[0]:
        assert values.min() > low
    far = (LINE[:, 0] >= low + margins[0]) & (LINE[:, 0] <= high - margins[1])
    assert torch.equal(values[far], LINE[:, 0][far])
    assert values.diff().max() <= LINE[:, 0].diff().max() + 1e-9  # nothing comes to lie farther apart


def test_a_bound_that_values_lie_on_makes_no_score_worse(make) -> None:  # type: ignore[no-untyped-def]
    random = np.random.default_rng(0)
    samples = random.normal(0.5, 2.0, size=(200, 64, 1, 1))
    y = np.maximum(random.normal(1.0, 2.0, size=(200, 1, 1)), 0.0)
    bounded = make([(0.0, None)])(torch.from_numpy(samples)).numpy()
    better = crps(samples, y) - crps(bounded, y)
    assert better.min() > -1e-12
    assert better.max() > 0.01
    assert (bounded == 0).mean() > 0.3


def test_bent_values_are_unbent(make) -> None:  # type: ignore[no-untyped-def]
    values = make([(-3.0, 4.0)], (1.5, 1.0))
    torch.testing.assert_close(values.unbent(values(LINE)), LINE, rtol=1e-6, atol=1e-6)
    closed = make([(0.0, None)])
    assert torch.equal(closed.unbent(closed(LINE)), closed(LINE))


def test_whole_numbers(make) -> None:  # type: ignore[no-untyped-def]
    values = make([(0.0, None)], integers=("close",))
    made = values(LINE)
    assert torch.equal(made, made.round())
    assert made.min() == 0
    assert float(values(torch.tensor([[3.49], [3.51]], dtype=torch.float64)).diff(dim=0)) == 1


def test_a_price_is_the_exponential_of_what_is_modelled(make) -> None:  # type: ignore[no-untyped-def]
    values = make(target_kind="price")
    assert values(LINE).min() > 0
    torch.testing.assert_close(values.scaled(values(LINE)), LINE)
    assert not values.changes_samples
