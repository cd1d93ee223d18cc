"""A loop sampler with the diffusers interface: read off for each number of steps, then played as a tableau."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.captured_noise import Draw
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.loop_function import LoopFunction
from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.read_tableau import Reading, RunResult, read_run
from sssd_registry.sampling.run_loop import run_loop
from sssd_registry.sampling.scheduler_loop import Network
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.sampling.tableau_scheduler import TableauScheduler

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_utils import SchedulerOutput

# A share of its row's largest entry: what rounding leaves of zero.
_NOTHING = 1e-12
_PROPORTIONAL = 1e-9


def loop_tableau(loop: LoopFunction, schedule: NoiseSchedule, num_inference_steps: int) -> SolverTableau:
    """Return what the function does in that many steps; draws that change nothing are left out.

    Raises:
        SSSDError: in a line with the function's name and the cause: its calls depend on the data, it is not linear,
            it fails, or gives no finite numbers.
    """
    if not 1 <= num_inference_steps <= MAX_INFERENCE_STEPS:
        raise SSSDError(f"the number of steps has to be from 1 to {MAX_INFERENCE_STEPS:,}, got {num_inference_steps}")

    def run(network: Network, draw: Draw) -> RunResult:
        return run_loop(loop, schedule, num_inference_steps, network, draw)

    reading = read_run(run, loop.label)
    if not reading.timesteps:
        raise SSSDError(f"{loop.label} does not call the model in {num_inference_steps} steps")
    if not np.isfinite(reading.coefficients).all():
        raise SSSDError(f"{loop.label} gives coefficients that are not finite in {num_inference_steps} steps")
    if not reading.linear:
        raise SSSDError(f"{loop.label} cannot be read off in {num_inference_steps} steps: {_cause(run)}")
    coefficients, drawn_in = _without_unused(*_one_first_noise(reading, loop.label))
    return SolverTableau(num_inference_steps, np.array(reading.timesteps), coefficients, tuple(drawn_in))


def _cause(run: Any) -> str:
    """Say why two runs do not add up."""
    def result() -> Tensor:
        zeros = torch.zeros(1, 1, 1, 8, dtype=torch.float64)
        return torch.as_tensor(run(lambda _call, _z, _t: zeros.clone(), lambda _index: zeros + 1.0)[0])

    if not torch.equal(result(), result()):
        return "it draws noise other than by torch.randn, torch.randn_like, torch.normal and its noise_sampler"
    return "it is not linear in the model's outputs and the noise"


def _one_first_noise(reading: Reading, label: str) -> tuple[Array, list[int]]:
    """Put noise that was drawn before the first call into the initial noise.

    Standard normal noises that enter everywhere in one proportion are one standard normal noise.
    """
    calls = len(reading.timesteps)
    early = [0, *(1 + calls + k for k, call in enumerate(reading.drawn_in) if call < 0)]
    block = reading.coefficients[:, early]
    direction = block[0] / np.linalg.norm(block[0])
    merged = block @ direction
    off = np.abs(block - np.outer(merged, direction)).max()
    if off > _PROPORTIONAL * np.abs(block).max():
        raise SSSDError(f"{label}: noise that it draws before the first call comes back later by itself")
    coefficients = np.delete(reading.coefficients, early[1:], axis=1)
    coefficients[:, 0] = merged
    return coefficients, [call for call in reading.drawn_in if call >= 0]


def _without_unused(coefficients: Array, drawn_in: list[int]) -> tuple[Array, list[int]]:
    calls = len(coefficients) - 1
    share = np.abs(coefficients) / np.abs(coefficients).max(axis=1, keepdims=True)
    used = share.max(axis=0) > _NOTHING
    used[: 1 + calls] = True
    return coefficients[:, used], [call for call, kept in zip(drawn_in, used[1 + calls :], strict=True) if kept]


class LoopScheduler:
    """A loop sampler for one process, as a scheduler.

    Attributes:
        loop: the function and its options.
        schedule: the process.
    """

    def __init__(self, loop: LoopFunction, schedule: NoiseSchedule) -> None:
        self.loop, self.schedule = loop, schedule
        self.init_noise_sigma = 1.0
        self.timesteps = torch.empty(0, dtype=torch.float64)

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Read the function off, and start a run.

        Raises:
            SSSDError: it cannot be read off.
        """
        self.player = TableauScheduler([loop_tableau(self.loop, self.schedule, num_inference_steps)])
        self.player.set_timesteps(num_inference_steps, device)
        self.timesteps, self.init_noise_sigma = self.player.timesteps, self.player.init_noise_sigma

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The state is the network's input already."""
        return self.player.scale_model_input(sample, timestep)

    def step(
        self,
        model_output: Tensor,
        timestep: Any,
        sample: Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> SchedulerOutput | tuple[Tensor]:
        """The next network input, or after the last call the result."""
        return self.player.step(model_output, timestep, sample, generator, return_dict)
