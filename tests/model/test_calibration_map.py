"""The calibration's map: monotone, exact at the quantiles that it is told, and nothing before it is fitted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sssd_registry.data.spec import DataSpec
from sssd_registry.model.calibration import INNER, NORMAL, OUTER, Calibration
from sssd_registry.storage.model_folder import read_model_folder


@pytest.fixture
def spec(tiny_model) -> DataSpec:  # type: ignore[no-untyped-def]
    found = read_model_folder(tiny_model).network.spec
    return found.model_copy(update={"horizons": (1, 4, 60), "targets": ("close", "volume")})


@pytest.fixture
def fitted(spec: DataSpec) -> Calibration:
    made = Calibration(spec)
    steps = torch.rand(len(made.points), 4, 2, generator=torch.Generator().manual_seed(1)) + 0.1
    made.set_quantiles(steps.cumsum(dim=1) - 1.5)
    return made


def at(points: Tensor) -> Tensor:
    """Values as paths of one horizon and two targets."""
    return points.reshape(1, -1, 1, 1).expand(1, -1, 1, 2).contiguous()


def test_before_it_is_fitted_it_is_not_there(spec: DataSpec) -> None:
    made, paths = Calibration(spec), torch.randn(2, 5, 3, 2)
    assert made(paths, made.rows(torch.tensor([1.0, 2.5, 60.0]))) is paths


def test_normal_quantiles_become_what_was_set(fitted: Calibration) -> None:
    place = 7
    moved = fitted(at(torch.tensor(NORMAL)), fitted.rows(fitted.points[[place]]))
    torch.testing.assert_close(moved[0, :, 0], fitted.quantiles[place])


def test_ranks_stay_and_tails_go_on(fitted: Calibration) -> None:
    line = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    moved = fitted(at(line), fitted.rows(torch.tensor([3.3])))[0, :, 0]
    assert moved.dtype == torch.float64
    steps = moved.diff(dim=0)
    assert (steps > 0).all()
    for beyond in (line < -OUTER - 0.01, line > OUTER + 0.01):  # linear
        inside = beyond[1:] & beyond[:-1]
        assert steps[inside].std(dim=0).max() < 1e-9
    assert (line.abs() < INNER).any()


def test_a_horizon_does_not_depend_on_the_others(fitted: Calibration) -> None:
    paths = torch.randn(2, 9, 3, 2)
    bars = torch.tensor([1.0, 17.5, 60.0])
    whole = fitted(paths, fitted.rows(bars))
    alone = fitted(paths[:, :, [1]], fitted.rows(bars[[1]]))
    torch.testing.assert_close(whole[:, :, [1]], alone, rtol=0, atol=1e-6)


def test_it_follows_its_weights(fitted: Calibration, spec: DataSpec) -> None:
    other = Calibration(spec)
    other.load_state_dict(fitted.state_dict())
    assert other.in_use
    paths = torch.randn(1, 4, 1, 2)
    rows = fitted.rows(torch.tensor([4.0]))
    assert torch.equal(other(paths, rows), fitted(paths, rows))
    other.reset()
    assert not other.in_use
    torch.testing.assert_close(other.quantiles[3, :, 0], torch.tensor(NORMAL))
