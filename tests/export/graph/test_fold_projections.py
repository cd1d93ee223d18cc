"""The loop in a head's hidden layer gives what the loop in the latents gives, with fewer multiplications."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from compiled import counts, normal, session_of
from torch import nn

from sssd_export.graph.compose import build_loop
from sssd_export.graph.fold_projections import fold_projections
from sssd_export.graph.trace import trace_head
from sssd_heads.head_options import MLPOptions
from sssd_heads.mlp import MLPHead
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.plugin_api.registry import registry
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau

LATENT, HORIZONS, CONDITION = 16, 3, 5
SCHEDULE = NoiseSchedule("cosine", 1000, "v_prediction")


@functools.cache
def tableau(scheduler: str, steps: int) -> SolverTableau:
    return read_tableau(make_scheduler(scheduler, SCHEDULE), steps)


def deterministic() -> list[str]:
    names = []
    for name in sorted(registry().schedulers):
        try:
            one = tableau(name, 4)
        except Exception:  # of another process, or another prediction: tested elsewhere
            continue
        if one.num_noises == 1:
            names.append(name)
    return names


def perceptron(hidden: tuple[int, ...] = (24, 12, 8)) -> MLPHead:
    torch.manual_seed(0)
    head = MLPHead(LATENT, CONDITION, MLPOptions(hidden_sizes=hidden, time_size=8)).eval().requires_grad_(False)
    nn.init.normal_(head.out.weight, std=0.3)
    nn.init.normal_(head.out.bias)
    return head


@functools.cache
def traced(head: nn.Module) -> tuple[ir.Model, bool]:
    return trace_head(head, torch.randn(2, 3, HORIZONS, LATENT), torch.randn(2, HORIZONS, CONDITION))


HEAD = perceptron()


@pytest.mark.parametrize("scheduler", deterministic())
def test_every_deterministic_solver(scheduler: str) -> None:
    one = tableau(scheduler, 6)
    assert fold_projections(traced(HEAD)[0], one) is not None
    condition, noise = torch.randn(2, HORIZONS, CONDITION), normal(1, 2, 1, 40, HORIZONS, LATENT)
    expected = sample(lambda z, t: HEAD(z, t, condition), one, torch.from_numpy(noise).swapaxes(0, 1)).numpy()
    model = build_loop(*traced(HEAD), one)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    (seen,) = session_of(model).run(["latents"], {"condition": condition.numpy(), "noise": noise})
    np.testing.assert_allclose(seen, expected, atol=2e-5 * float(expected.std()))


def test_there_is_a_product_less_in_each_call() -> None:
    few, many = (counts(build_loop(*traced(HEAD), tableau("ddim", steps)))["MatMul"] for steps in (4, 9))
    # Two hidden layers and the one product between calls.
    assert many - few == 5 * 3
    assert sum(node.op_type == "MatMul" for node in traced(HEAD)[0].graph) == 7, "condition has one, time two, z four"


def test_a_solver_that_draws_noise_is_left_as_it_is() -> None:
    assert tableau("ddpm", 4).num_noises > 1
    assert fold_projections(traced(HEAD)[0], tableau("ddpm", 4)) is None


def test_a_head_that_would_not_become_cheaper_is_left_as_it_is() -> None:
    wide = perceptron((64, 40))
    assert LATENT * (64 + 40) < 64 * 40
    assert fold_projections(traced(wide)[0], tableau("ddim", 4)) is None


class Gated(nn.Module):
    """Reads z twice."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(LATENT, 8), nn.Linear(8, LATENT)

    def forward(self, z: torch.Tensor, t: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        shift = cond.mean() + t[..., None, None]
        return self.leave(self.enter(z).tanh()) * z + shift


class Bare(nn.Module):
    """Nothing is added where z enters, and its output has no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(LATENT, 8, bias=False), nn.Linear(8, LATENT, bias=False)

    def forward(self, z: torch.Tensor, t: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        return self.leave(torch.tanh(self.enter(z)) + cond.mean(-1, keepdim=True).unsqueeze(1) + t[..., None, None])


@pytest.mark.parametrize("head", [Gated().eval(), Bare().eval()], ids=["gated", "bare"])
def test_a_head_of_another_build_is_left_as_it_is(head: nn.Module) -> None:
    assert fold_projections(traced(head.requires_grad_(False))[0], tableau("ddim", 4)) is None


class Unbiased(Bare):
    """The output has no bias."""

    def forward(self, z: torch.Tensor, t: torch.Tensor, cond: torch.Tensor) -> torch.Tensor:
        return self.leave(torch.tanh(self.enter(z) + cond.mean(-1, keepdim=True).unsqueeze(1) + t[..., None, None]))


def test_an_output_without_a_bias() -> None:
    torch.manual_seed(0)
    head, one = Unbiased().eval().requires_grad_(False), tableau("dpmsolver++", 5)
    folded = fold_projections(traced(head)[0], one)
    assert folded is not None
    assert not folded.bias.any()
    condition, noise = torch.randn(2, HORIZONS, CONDITION), normal(1, 2, 1, 40, HORIZONS, LATENT)
    expected = sample(lambda z, t: head(z, t, condition), one, torch.from_numpy(noise).swapaxes(0, 1)).numpy()
    (seen,) = session_of(build_loop(*traced(head), one)).run(None, {"condition": condition.numpy(), "noise": noise})
    np.testing.assert_allclose(seen, expected, atol=2e-5 * float(expected.std()))


def test_folding_leaves_the_head_as_it_was() -> None:
    head, _ = traced(HEAD)
    before = ir.to_proto(head).SerializeToString()
    fold_projections(head, tableau("ddim", 4))
    assert ir.to_proto(head).SerializeToString() == before
