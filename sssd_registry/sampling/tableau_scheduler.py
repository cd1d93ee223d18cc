"""A tableau with the diffusers interface: what takes a scheduler takes numbers that were tuned or loaded, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.sampler import combine
from sssd_registry.sampling.tableau import SolverTableau

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_utils import SchedulerOutput


class TableauScheduler:
    """Plays one of ``tableaus``, picked by the number of steps. The state between two steps is the network's input.

    Invariant: ``read_tableau(TableauScheduler([tableau]), N)`` is the tableau, to rounding.
    """

    def __init__(self, tableaus: Iterable[SolverTableau]) -> None:
        self.tableaus = {tableau.num_inference_steps: tableau for tableau in tableaus}
        self.timesteps = torch.empty(0, dtype=torch.float64)
        self.init_noise_sigma = 1.0

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Start a run.

        Raises:
            SSSDError: there is no tableau for that number of steps.
        """
        if num_inference_steps not in self.tableaus:
            known = ", ".join(map(str, sorted(self.tableaus))) or "none"
            raise SSSDError(f"there is no tuned solver of {num_inference_steps} steps, only of {known}")
        self.tableau = self.tableaus[num_inference_steps]
        self.timesteps = torch.from_numpy(self.tableau.timesteps.copy()).to(device)
        self.init_noise_sigma = float(self.tableau.coefficients[0, 0])
        self.states: deque[Tensor] = deque(maxlen=self.tableau.memory)
        self.outputs: deque[Tensor] = deque(maxlen=self.tableau.memory)
        self.noises: list[Tensor] = []
        self.call = 0

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:  # noqa: ARG002 - the interface
        """The state is the network's input already."""
        return sample

    def step(
        self,
        model_output: Tensor,
        timestep: Any,  # noqa: ARG002 - the interface
        sample: Tensor,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> SchedulerOutput | tuple[Tensor]:
        """The next network input, or after the last call the result."""
        if not self.noises:
            self.noises.append(sample / self.init_noise_sigma)
        self.states.appendleft(sample)
        self.outputs.appendleft(model_output)
        for _ in range(self.tableau.drawn_in.count(self.call)):
            noise = torch.randn(sample.shape, generator=generator, device=sample.device, dtype=sample.dtype)
            self.noises.append(noise)
        self.call += 1
        sources = {"state": self.states, "output": self.outputs, "noise": self.noises}
        made = combine(self.tableau.updates[self.call], sources)
        if not return_dict:
            return (made,)
        from diffusers.schedulers.scheduling_utils import SchedulerOutput

        return SchedulerOutput(prev_sample=made)
