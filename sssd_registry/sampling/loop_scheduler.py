"""A loop sampler with the diffusers interface: read off for each number of steps, then played as a tableau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.captured_noise import Draw
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.loop_function import LoopFunction
from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.read_tableau import Run, RunResult, read_run
from sssd_registry.sampling.run_loop import run_loop
from sssd_registry.sampling.scheduler_loop import Network
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.sampling.tableau_scheduler import TableauScheduler

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_utils import SchedulerOutput

# Shares of the largest coefficient: what rounding leaves of zero, and of a proportion.
_NOTHING = 1e-12
_PROPORTIONAL = 1e-9


@dataclass(frozen=True)
class LoopReading:
    """Numbers read off a function in a number of steps.

    Attributes:
        tableau: as numbers; draws that change nothing are left out.
        noises: the function's noises as sums of the tableau's, float64 ``(1 + its draws, tableau.num_noises)``; zeros
            for a draw that was left out.
    """

    tableau: SolverTableau
    noises: Array


def read_loop(loop: LoopFunction, schedule: NoiseSchedule, num_inference_steps: int) -> LoopReading:
    """Read off what the function does in that many steps.

    Raises:
        SSSDError: in a line with the function's name and the cause: its calls depend on the data, it is not linear,
            it fails, or gives no finite numbers.
    """
    if not 1 <= num_inference_steps <= MAX_INFERENCE_STEPS:
        raise SSSDError(f"the number of steps has to be from 1 to {MAX_INFERENCE_STEPS:,}, got {num_inference_steps}")

    def run(network: Network, draw: Draw) -> RunResult:
        return run_loop(loop, schedule, num_inference_steps, network, draw)

    reading = read_run(run, loop.label)
    where = f"{loop.label} in {num_inference_steps} steps"
    if not reading.timesteps:
        raise SSSDError(f"{where} does not call the model")
    if not np.isfinite(reading.coefficients).all():
        raise SSSDError(f"{where} gives coefficients that are not finite")
    if not reading.linear:
        raise SSSDError(f"{where} cannot be read off: {_cause(run)}")
    calls = len(reading.timesteps)
    outputs, noises = np.split(np.delete(reading.coefficients, 0, axis=1), [calls], axis=1)
    noises = np.concatenate([reading.coefficients[:, :1], noises], axis=1)  # (calls + 1, 1 + draws)
    kept = _kept_noises(noises, np.array([-1, *reading.drawn_in]), loop.label)  # (1 + draws, kept)
    noises = noises @ kept
    coefficients = np.concatenate([noises[:, :1], outputs, noises[:, 1:]], axis=1)
    drawn_in = tuple(reading.drawn_in[int(np.argmax(column)) - 1] for column in kept[:, 1:].T)
    tableau = SolverTableau(num_inference_steps, np.array(reading.timesteps), coefficients, drawn_in)
    return LoopReading(tableau, kept)


def _cause(run: Run) -> str:
    """Say why two runs do not add up."""

    def result() -> Tensor:
        ones = torch.ones(1, 1, 1, 8, dtype=torch.float64)
        return run(lambda _call, _z, _t: ones.clone(), lambda _index: ones.clone())[0]

    if not torch.equal(result(), result()):
        return "it draws noise other than by torch.randn, torch.randn_like, torch.normal and its noise_sampler"
    return "it is not linear in the model's outputs and the noise"


def _kept_noises(noises: Array, drawn_in: npt.NDArray[np.int64], label: str) -> Array:
    """Columns by which the function's noises are made of fewer: ``noises @ columns`` are what is left to draw.

    What enters nowhere is left out. What was drawn before the first call joins the initial noise: standard normal
    noises that enter everywhere in one proportion are one standard normal noise.

    Args:
        noises: coefficients, ``(rows, 1 + draws)``.
        drawn_in: for each the call it comes after, −1 before the first.
        label: of the function, for messages.
    """
    early = drawn_in < 0
    block = noises[:, early]
    first = np.zeros(len(drawn_in))
    first[early] = block[0] / np.linalg.norm(block[0])
    off = np.abs(block - np.outer(noises @ first, first[early])).max()
    if off > _PROPORTIONAL * np.abs(block).max():
        raise SSSDError(f"{label} draws noise before its first call that comes back later by itself")
    used = ~early & (np.abs(noises).max(axis=0) > _NOTHING * np.abs(noises).max())
    columns: Array = np.concatenate([first[:, None], np.eye(len(drawn_in))[:, used]], axis=1)
    return columns


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
        self.player = TableauScheduler([read_loop(self.loop, self.schedule, num_inference_steps).tableau])
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
