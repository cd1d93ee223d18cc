"""Coloured noise: standard normal at every horizon, joined as it was set, at any horizons, inside an exported graph."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from sssd_registry.config import ModelConfig, load_config
from sssd_registry.data.spec import DataSpec
from sssd_registry.model.batches import training_data
from sssd_registry.model.colouring import JointColouring, SeparableColouring, separable_matrix
from sssd_registry.model.correlation import Correlation, correlation_points
from sssd_registry.model.path_volatility import MOST_SPREAD, PathVolatility

DENSE, SPARSE = tuple(range(1, 13)), (2, 5, 12)


def spec_of(horizons: Sequence[int], targets: int = 1) -> DataSpec:
    rows = 4 * max(horizons) + 60
    columns = {f"v{k:03d}": np.arange(rows) * 1.0 for k in range(targets)}
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=rows, freq="h"), **columns})
    settings = [f"data.horizons={list(horizons)}", 'data.timeframes={"1h" = 12}', "data.targets=all"]
    settings += ["data.validation_fraction=0.3", "data.test_fraction=0.3"]
    return training_data(frame, load_config(None, settings).data).spec


def walk(points: Tensor) -> Tensor:
    low, high = torch.minimum(points.unsqueeze(1), points), torch.maximum(points.unsqueeze(1), points)
    return (low / high).sqrt()


def positive_definite(size: int, seed: int) -> Tensor:
    rows = torch.from_numpy(np.random.default_rng(seed).normal(size=(size, 3 * size)))
    covariance = rows @ rows.T
    deviation = covariance.diagonal().sqrt()
    return covariance / (deviation.unsqueeze(1) * deviation)


def correlation_of(horizons: Sequence[int], targets: int = 1, **sizes: int) -> Correlation:
    return Correlation(spec_of(horizons, targets), ModelConfig(**sizes))  # type: ignore[arg-type]


def fitted(horizons: Sequence[int], targets: int, **sizes: int) -> Correlation:
    correlation = correlation_of(horizons, targets, **sizes)
    points = len(correlation.points)
    colouring = correlation.colouring
    if isinstance(colouring, JointColouring):
        colouring.set_matrix(positive_definite(points * targets, 0))
    count = targets if isinstance(colouring, JointColouring) else len(colouring.over_horizons)
    over_horizons = torch.stack([positive_definite(points, seed) for seed in range(count)])
    correlation.set_matrices(over_horizons, positive_definite(targets, 99))
    return correlation


def paths(correlation: Correlation, white: Tensor, bars: Tensor) -> Tensor:
    return correlation.lively(correlation.colour(white[:, :, :-1], correlation.rows(bars)), white[:, :, -1:])


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def every(correlation: Correlation) -> Tensor:
    return correlation.rows(correlation.points)


@pytest.mark.parametrize("horizons", [DENSE, SPARSE])
def test_nothing_hangs_together_before_it_is_fitted(horizons: tuple[int, ...]) -> None:
    correlation = correlation_of(horizons, 2)
    white = noise(3, 4, 12, 2)
    rows = correlation.rows(torch.tensor(horizons, dtype=torch.float32))
    torch.testing.assert_close(correlation.colour(white, rows), white[:, :, [h - 1 for h in horizons]])
    torch.testing.assert_close(correlation.extract(white[0]), correlation.latents(white)[0])


SEPARABLE = 120  # targets, for which a joint factor would be too large
CASES = [(DENSE, 1, {}), (DENSE, 3, {}), (SPARSE, 3, {"components": 3}), ((4,), 2, {}), ((1,), 1, {}),
         (DENSE, 5, {"target_components": 2}), (DENSE, SEPARABLE, {"components": 5})]  # fmt: skip


@pytest.mark.parametrize(("horizons", "targets", "sizes"), CASES)
def test_latents_are_what_paths_were_coloured_of(
    horizons: tuple[int, ...], targets: int, sizes: dict[str, int]
) -> None:
    correlation = fitted(horizons, targets, **sizes)
    white = noise(5, 7, len(correlation.points), targets)
    coloured = correlation.colour(white, every(correlation))
    torch.testing.assert_close(correlation.extract(coloured[:, 0]), correlation.latents(white)[:, 0], rtol=0, atol=1e-3)


@pytest.mark.parametrize(("horizons", "targets", "sizes"), CASES)
def test_a_path_is_what_its_latents_are_of_it_and_the_rest(
    horizons: tuple[int, ...], targets: int, sizes: dict[str, int]
) -> None:
    """So that latents can be moved and the rest stay as it is."""
    correlation = fitted(horizons, targets, **sizes)
    rows = correlation.rows(torch.tensor([1.0, 2.5, 12.0]))
    white = noise(5, 7, len(correlation.points), targets)
    rest = white.clone()
    correlation.latents(rest).zero_()
    whole = correlation.spread(correlation.latents(white), rows) + correlation.colour(rest, rows)
    torch.testing.assert_close(whole, correlation.colour(white, rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("joint", [True, False])
def test_few_latents_carry_most_of_a_paths_variance(joint: bool) -> None:
    horizons = tuple(range(1, 25))
    correlation = correlation_of(horizons, 3, target_components=1)
    walks = walk(correlation.points.double()).expand(3, -1, -1)
    alike = torch.full((3, 3), 0.9).fill_diagonal_(1.0)
    colouring: JointColouring | SeparableColouring = correlation.colouring
    if joint:
        assert isinstance(colouring, JointColouring)
        colouring.set_matrix(separable_matrix(walks, alike))
    else:
        colouring = SeparableColouring(24, 3, (8, 1), shared=False)
        colouring.set_matrices(walks, alike)
    rows = colouring.rows(torch.eye(24))
    white = noise(1, 4000, 24, 3)
    part = colouring.spread(white[:, :, :8, :1], rows)
    assert part.square().mean() > 0.88, "8 numbers of 72"


def test_both_colourings_of_a_separable_law_are_that_law() -> None:
    walks = walk(torch.arange(1.0, 13.0).double()).expand(3, -1, -1)
    alike = positive_definite(3, 1)
    joint, separable = JointColouring(12, 3, (4, 2)), SeparableColouring(12, 3, (4, 2), shared=False)
    joint.set_matrix(separable_matrix(walks, alike))
    separable.set_matrices(walks, alike)
    truth = torch.kron(walks[0], alike).float()
    torch.testing.assert_close(joint.factor @ joint.factor.T, truth, rtol=0, atol=1e-4)
    for colouring in (joint, separable):
        samples = colouring.colour(noise(1, 60_000, 12, 3), colouring.rows(torch.eye(12)))[0]
        torch.testing.assert_close(torch.corrcoef(samples.flatten(1).T), truth, rtol=0, atol=0.03)


def test_the_same_correlation_is_turned_the_same_way() -> None:
    """Eigenvectors have no sign of their own, and a model that is trained again must not get another."""
    one, other = (fitted(DENSE, 3, components=4).colouring for _ in range(2))
    assert isinstance(one, JointColouring)
    assert isinstance(other, JointColouring)
    torch.testing.assert_close(one.factor, other.factor, rtol=0, atol=0)


@pytest.mark.parametrize("horizons", [DENSE, SPARSE])
@pytest.mark.parametrize("targets", [1, 3, SEPARABLE])
def test_every_horizon_is_standard_normal(horizons: tuple[int, ...], targets: int) -> None:
    correlation = fitted(horizons, targets)
    rows = correlation.rows(torch.tensor([0.3, 1.0, 1.5, 2.0, 3.7, 11.99, 12.0, 40.0]))
    torch.testing.assert_close(rows.norm(dim=-1), torch.ones(rows.shape[:-1]))
    torch.testing.assert_close(correlation.over_targets.norm(dim=-1), torch.ones(targets))


@pytest.mark.parametrize("horizons", [DENSE, SPARSE, (12,)])
def test_any_horizons_have_the_correlation_that_was_set(horizons: tuple[int, ...]) -> None:
    """A random walk's, between trained horizons too: paths there have noise of their own, though not within a bar."""
    correlation = correlation_of(horizons)
    correlation.set_matrices(walk(correlation.points.double()).unsqueeze(0), torch.eye(1))
    bars = torch.tensor([1.0, 1.5, 2.0, 3.25, 5.0, 7.0, 8.5, 11.0, 12.0])
    rows = correlation.rows(bars)[0]
    torch.testing.assert_close(rows @ rows.T, walk(bars), rtol=0, atol=0.1)
    whole = bars == bars.round()
    torch.testing.assert_close(rows[whole] @ rows[whole].T, walk(bars[whole]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("targets", [1, 3, SEPARABLE])
def test_a_horizon_does_not_depend_on_which_others_are_asked_for(targets: int) -> None:
    correlation = fitted(SPARSE, targets)
    correlation.volatility.set_spread(torch.full((targets,), 0.3))
    white = noise(2, 3, *correlation.noise_shape)
    many, one = (paths(correlation, white, torch.tensor(bars)) for bars in ([1.0, 2.5, 4.0, 12.0], [4.0]))
    torch.testing.assert_close(one[:, :, 0], many[:, :, 2], rtol=0, atol=1e-6)


def test_many_targets_share_a_factor() -> None:
    some, many = (correlation_of(tuple(range(1, last)), count).colouring for last, count in ((49, 100), (241, 80)))
    assert isinstance(some, SeparableColouring)
    assert isinstance(many, SeparableColouring)
    assert (len(some.over_horizons), len(many.over_horizons)) == (100, 1)


@pytest.mark.parametrize(
    ("horizons", "targets", "count"),
    [((1, 4, 24), 1, 24), ((15, 60, 240), 1, 240), (tuple(range(1, 721)), 7, 720), ((24, 720), 1, 256)],
)
def test_there_are_points_between_as_far_as_noises_allow(horizons: tuple[int, ...], targets: int, count: int) -> None:
    points = correlation_points(horizons, targets)
    assert set(horizons) <= set(points)
    assert list(points) == sorted(set(points))
    assert count // 2 <= len(points) <= count
    assert len(correlation_points(horizons, 4096)) == len(horizons)


def test_it_is_never_cast() -> None:
    correlation = fitted(DENSE, 2).to(torch.bfloat16)
    assert {buffer.dtype for buffer in correlation.buffers()} == {torch.float32}


@pytest.mark.parametrize("spread", [0.05, 0.2, MOST_SPREAD])
def test_a_volatility_of_the_paths_own_leaves_every_horizon_standard_normal(spread: float) -> None:
    volatility = PathVolatility(1)
    volatility.set_spread(torch.tensor([spread]))
    normal, lively = noise(1, 1_000_000, 3, 1)[:, :, :2], noise(1, 1_000_000, 3, 1)[:, :, 2:]
    made = volatility(normal, lively)
    levels = torch.tensor([1e-4, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1 - 1e-4])
    expected = torch.distributions.Normal(0.0, 1.0).cdf(made[0, :, 0, 0].sort().values)
    share = (torch.arange(1_000_000) + 0.5) / 1_000_000
    assert (expected - share).abs().max() < 0.002
    tails = torch.quantile(expected[::10], levels)
    torch.testing.assert_close(tails, levels, rtol=0.15, atol=2e-4)
    together = torch.corrcoef(made[0, :, :, 0].abs().log().T)[0, 1]
    assert together > 0.5 * spread**2, "two horizons are lively together"
    order = volatility(torch.linspace(-5, 5, 401).reshape(1, 1, 401, 1), torch.zeros(1, 1, 1, 1)).flatten()
    assert (order.diff() >= 0).all()


class _Paths(nn.Module):
    def __init__(self, correlation: Correlation) -> None:
        super().__init__()
        self.correlation = correlation

    def forward(self, white: Tensor, bars: Tensor) -> Tensor:
        return paths(self.correlation, white, bars)


@pytest.mark.parametrize("targets", [1, 3, SEPARABLE])
def test_it_exports_without_loops(targets: int) -> None:
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    correlation = fitted(SPARSE, targets)
    correlation.volatility.set_spread(torch.full((targets,), 0.3))
    white, bars = noise(2, 3, *correlation.noise_shape).double(), torch.tensor([1.0, 2.5, 5.0, 12.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(_Paths(correlation), (white, bars), dynamo=True, verbose=False)
    assert program is not None
    kinds = {node.op_type for node in program.model.graph}
    assert not kinds & {"Loop", "Scan", "If", "Einsum"}
    session = runtime.InferenceSession(program.model_proto.SerializeToString())
    names = [one.name for one in session.get_inputs()]
    (made,) = session.run(None, dict(zip(names, (white.numpy(), bars.numpy()), strict=True)))
    np.testing.assert_allclose(made, paths(correlation, white, bars).numpy(), rtol=0, atol=1e-5)
