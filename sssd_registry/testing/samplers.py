"""The conformance suite for loop samplers, run on an installed plugin by its name: that of schedulers, and more."""

from __future__ import annotations

import torch

from sssd_registry.sampling.loop_scheduler import LoopScheduler, read_loop
from sssd_registry.sampling.run_loop import run_loop
from sssd_registry.sampling.sampler import sample
from sssd_registry.testing.schedulers import PARITY, SchedulerConformance, curved_network


class SamplerConformance(SchedulerConformance):
    """Subclass it in a test file and name the sampler:

    class TestMine(SamplerConformance):
        name = "mine"
    """

    def test_it_is_a_function(self) -> None:
        made = self.make()
        assert isinstance(made, LoopScheduler), f"{self.name} is a {type(made).__name__}: use SchedulerConformance"

    def test_the_function_gives_what_is_sampled(self) -> None:
        """The function itself, around a network that is not linear at all, against the numbers read off it."""
        loop = self.make().loop
        for steps in self.steps:
            reading = read_loop(loop, self.schedule, steps)
            generator = torch.Generator().manual_seed(steps)
            size = (reading.tableau.num_noises, 2, 7, 3, 4)
            noise = torch.randn(size, generator=generator, dtype=torch.float64)
            # What was left out has to make no difference, so it is not zero here.
            draws = torch.tensordot(torch.from_numpy(reading.noises), noise, dims=1)
            draws[torch.from_numpy(~reading.noises.any(axis=1))] = 7.0
            seen, timesteps, _ = run_loop(
                loop,
                self.schedule,
                steps,
                lambda _call, z, t: curved_network(z, torch.full(z.shape[:2], t, dtype=torch.float64)),
                lambda index, draws=draws: draws[index],  # type: ignore[misc]
            )
            expected = sample(curved_network, reading.tableau, noise)
            error = float((seen - expected).abs().max() / expected.std())
            assert error <= PARITY, f"{self.name} in {steps} steps: the function is off its tableau by {error:.1e}"
            assert timesteps == reading.tableau.timesteps.tolist(), f"{self.name}: its time steps depend on the data"

    def test_it_leaves_the_draws_to_others(self) -> None:
        """Torch's generator is where it was: noise is handed in, and seeds hold."""
        before = torch.random.get_rng_state()
        self.tableau(self.steps[0])
        assert torch.equal(torch.random.get_rng_state(), before), f"{self.name} draws from torch's own generator"
