"""A diffusers scheduler's own loop: what a tableau is read from, and what parity is measured against.

Forecasts are not made with it: :mod:`sssd_registry.sampling.sampler` is the one loop that makes them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.captured_noise import CapturedNoise, Draw

Network = Callable[[int, Tensor, float], Tensor]


def _as_it_is(sample: Tensor, _timestep: Any) -> Tensor:
    return sample


def prepared(scheduler: Any, num_inference_steps: int) -> Any:
    """A copy of ``scheduler`` made ready for one run: schedulers are stateful, and never shared.

    Raises:
        SSSDError: the scheduler refuses that number of steps.
    """
    fresh = copy.deepcopy(scheduler)
    try:
        fresh.set_timesteps(num_inference_steps)
    except SSSDError:
        raise
    except (ValueError, IndexError, TypeError, NotImplementedError) as error:
        raise SSSDError(f"{type(scheduler).__name__} cannot take {num_inference_steps} steps: {error}") from error
    _widen(fresh)
    # Cosine betas give duplicate time steps with few steps or Karras sigmas; looked up by value, a step would
    # then start in the wrong place.
    if hasattr(fresh, "set_begin_index"):
        fresh.set_begin_index(0)
    return fresh


def _widen(scheduler: Any) -> None:
    """Keep a scheduler's constants, as they are, in float64.

    Cosine betas end at a sigma of 20,000, and the differences of squares in a step then lose all digits of float32:
    ancestral schedulers draw the root of a negative number.
    """
    for name, value in vars(scheduler).items():
        if name != "timesteps" and isinstance(value, Tensor) and value.dtype == torch.float32:
            setattr(scheduler, name, value.double())


def run_scheduler(
    scheduler: Any, num_inference_steps: int, network: Network, draw: Draw
) -> tuple[Tensor, list[float], list[int]]:
    """The loop of every diffusers pipeline, with the noise handed in.

    Args:
        scheduler: anything with the diffusers interface; left as it was.
        num_inference_steps: N, as for ``set_timesteps``.
        network: ``(call j, input, time step) -> output``; called ``len(scheduler.timesteps)`` times, which may
            be more than N.
        draw: ``k -> noise`` of the states' shape: 0 is the initial noise, later ones are what ``step()`` draws.

    Returns:
        the result, the time step of each call, and for each draw but the first the call whose step drew it.
    """
    scheduler = prepared(scheduler, num_inference_steps)
    capture = CapturedNoise(draw)
    drawn_in: list[int] = []
    timesteps: list[float] = []
    with torch.no_grad(), capture:
        # Flow matching starts from noise as it is and scales nothing, so its schedulers lack what says so.
        sample = draw(0) * getattr(scheduler, "init_noise_sigma", 1.0)
        scale = getattr(scheduler, "scale_model_input", _as_it_is)
        for call, timestep in enumerate(scheduler.timesteps):
            with capture.inside():
                scaled = scale(sample, timestep)
            output = network(call, scaled, float(timestep))
            with capture.inside():
                sample = scheduler.step(output, timestep, sample).prev_sample
            timesteps.append(float(timestep))
            drawn_in += [call] * (capture.drawn - len(drawn_in))
    return sample, timesteps, drawn_in
