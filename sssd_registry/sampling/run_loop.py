"""One run of a loop sampler, with its network and its noise handed in: the counterpart of ``run_scheduler``."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.captured_noise import CapturedNoise, Draw
from sssd_registry.sampling.loop_function import LoopFunction
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.scheduler_loop import Network
from sssd_registry.sampling.sigma_grid import SigmaGrid

DEPENDS = "its number of calls depends on the data"

# More calls than any published sampler of fixed steps makes: an adaptive one may never end on data that are none.
_MOST_CALLS_A_STEP, _MOST_CALLS = 20, 100


def run_loop(
    loop: LoopFunction, schedule: NoiseSchedule, num_inference_steps: int, network: Network, draw: Draw
) -> tuple[Tensor, list[float], list[int]]:
    """Run the function once.

    Args:
        loop: the function.
        schedule: the process of the network.
        num_inference_steps: N, the number of sigmas but for the last, zero.
        network: ``(call j, latent z, time step) -> output``, whatever ``schedule`` says that it predicts.
        draw: ``k -> noise`` of the latents' shape: 0 is the initial noise, later ones are what the function draws.

    Returns:
        the result, the time step of each call, and for each draw but the first the call after which it was drawn,
        −1 before the first.

    Raises:
        SSSDError: the function fails, or calls the network without end.
    """
    run = _Run(schedule, num_inference_steps, network, draw)
    return run.result_of(loop), run.timesteps, run.drawn_in


class _Run:
    """The model that the function calls, and what is noted of its calls."""

    def __init__(self, schedule: NoiseSchedule, num_inference_steps: int, network: Network, draw: Draw) -> None:
        self.schedule, self.steps, self.network = schedule, num_inference_steps, network
        self.grid = SigmaGrid(schedule)
        self.start = draw(0)
        self.timesteps: list[float] = []
        self.drawn_in: list[int] = []
        self.capture = CapturedNoise(self._noted(draw))

    def _noted(self, draw: Draw) -> Draw:
        def noted(index: int) -> Tensor:
            self.drawn_in.append(len(self.timesteps) - 1)
            return draw(index).clone()

        return noted

    def _noise_sampler(self, *_interval: Any) -> Tensor:
        """Fresh noise for an interval of sigma: samplers that go back and forth ask for independent ones."""
        return self.capture.next()

    def result_of(self, loop: LoopFunction) -> Tensor:
        sigmas = torch.from_numpy(self.grid.spaced(self.steps, loop.sigmas))
        given = {
            "sigmas": sigmas,
            # A function that makes its own sigmas ends at the lowest: what is left there is left in the result.
            "sigma_min": float(self.grid.sigmas[0]),
            "sigma_max": float(self.grid.sigmas[-1]),
            "n": self.steps,
            "noise_sampler": self._noise_sampler,
            "disable": True,  # its progress bar
        }
        top = float(sigmas[0] if "sigmas" in loop.takes else self.grid.sigmas[-1])
        named = {name: given[name] for name in loop.takes} | dict(loop.options)
        try:
            with torch.no_grad(), self.capture, self.capture.inside():
                result = loop.function(_Model(self), self.start * top, **named)
        except SSSDError as error:
            raise SSSDError(f"{loop.label} cannot be read off in {self.steps} steps: {error}") from None
        except Exception as error:  # whatever a function raises that is not made for this
            reason = f"{type(error).__name__}: {error}"
            raise SSSDError(f"{loop.label} cannot run {self.steps} steps: {reason}") from error
        if not isinstance(result, Tensor) or result.shape != self.start.shape:
            raise SSSDError(f"{loop.label} has to return a tensor of the shape of x, got {type(result).__name__}")
        return result

    def denoised(self, x: Tensor, sigma: float) -> Tensor:
        """The data in ``x = x0 + sigma eps``, of the network's shape."""
        if len(self.timesteps) >= _MOST_CALLS_A_STEP * self.steps + _MOST_CALLS:
            raise SSSDError(f"{DEPENDS}, or has no end: {len(self.timesteps)} by now")
        alpha, noise = self.grid.scales(sigma)
        call, timestep = len(self.timesteps), self.grid.timestep(sigma)
        self.timesteps.append(timestep)
        z = alpha * x
        with self.capture.outside():
            output = self.network(call, z, timestep)
        return _data(self.schedule.prediction_type, z, output, alpha, noise)


def _data(prediction_type: str, z: Tensor, output: Tensor, alpha: float, sigma: float) -> Tensor:
    """Give the data that a network output means, ``z = alpha x0 + sigma eps``; a new tensor."""
    if prediction_type == "v_prediction":
        return alpha * z - sigma * output
    if prediction_type == "flow_prediction":
        return z - sigma * output
    return (z - sigma * output) / alpha if prediction_type == "epsilon" else output.clone()


class _Model:
    """The model as such functions know it: called, and with the attributes that those of ComfyUI ask for."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self.sigma_min, self.sigma_max = (torch.tensor(run.grid.sigmas[end], dtype=torch.float64) for end in (0, -1))

    def __call__(self, x: Tensor, sigma: Tensor | float, **_extra: Any) -> Tensor:
        each = torch.as_tensor(sigma, dtype=torch.float64).flatten()
        if not bool((each == each[0]).all()):
            raise SSSDError("it gives the samples of a batch different sigmas")
        return self._run.denoised(x, float(each[0]))

    @property
    def inner_model(self) -> Self:
        return self

    @property
    def model_sampling(self) -> Self:
        return self

    @property
    def model_patcher(self) -> Self:
        return self

    def get_model_object(self, _name: str) -> Self:
        return self

    def percent_to_sigma(self, percent: float) -> float:
        """The sigma after that share of sampling, by time steps; more than any before the start."""
        if percent <= 0:
            return float("inf")
        times = self._run.grid.times
        return 0.0 if percent >= 1 else float(self._run.grid.sigma((1 - percent) * times[-1]))
