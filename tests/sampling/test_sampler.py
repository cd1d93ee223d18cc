"""The one loop: right distribution, right shapes, noise as an argument."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.sampling.sampler import sample
from sssd_registry.sampling.tableau import SolverTableau

SCHEDULE = NoiseSchedule()


def tableau(name: str, steps: int) -> SolverTableau:
    return read_tableau(make_scheduler(name, SCHEDULE), steps)


def gaussian(mean: float, std: float) -> object:
    """The optimal v for data N(mean, std²), in closed form: ``v = alpha eps − sigma x0`` at the posterior mean."""
    alphas = torch.from_numpy(SCHEDULE.alphas)
    sigmas = torch.from_numpy(SCHEDULE.sigmas)

    def denoiser(z: Tensor, t: Tensor) -> Tensor:
        alpha = alphas[t.long()][..., None, None]
        sigma = sigmas[t.long()][..., None, None]
        x0 = mean + std**2 * alpha / (alpha**2 * std**2 + sigma**2) * (z - alpha * mean)
        return alpha * (z - alpha * x0) / sigma - sigma * x0

    return denoiser


@pytest.mark.parametrize(
    ("name", "steps", "tolerance"), [("ddim", 100, 0.03), ("dpmsolver++", 20, 0.02), ("ddpm", 200, 0.04)]
)
def test_a_known_denoiser_gives_its_distribution(name: str, steps: int, tolerance: float) -> None:
    solver = tableau(name, steps)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(solver.num_noises, 1, 20_000, 1, 1, generator=generator, dtype=torch.float64)
    drawn = sample(gaussian(1.5, 0.7), solver, noise)  # type: ignore[arg-type]
    assert drawn.mean().item() == pytest.approx(1.5, abs=0.03)
    assert drawn.std().item() == pytest.approx(0.7, rel=tolerance)


def test_samples_horizons_and_windows_go_through_in_one_batch() -> None:
    solver = tableau("dpmsolver++", 7)
    seen: list[tuple[torch.Size, torch.Size]] = []

    def denoiser(z: Tensor, t: Tensor) -> Tensor:
        seen.append((z.shape, t.shape))
        return -z

    progress: list[int] = []
    result = sample(denoiser, solver, torch.ones(1, 2, 5, 3, 4), on_call=progress.append)
    assert result.shape == (2, 5, 3, 4)
    assert seen == [(torch.Size([2, 5, 3, 4]), torch.Size([2, 5]))] * 7
    assert progress == list(range(1, 8))


def test_the_loop_keeps_its_precision_whatever_the_networks() -> None:
    solver = tableau("ddim", 5)
    result = sample(lambda z, t: z.half(), solver, torch.ones(1, 1, 2, 1, 1))
    assert result.dtype == torch.float32


def test_noise_of_the_wrong_count_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 6"):
        sample(lambda z, t: z, tableau("ddpm", 5), torch.zeros(1, 1, 1, 1, 1))
