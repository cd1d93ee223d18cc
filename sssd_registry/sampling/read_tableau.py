"""Reading a scheduler's coefficients off by running it on basis vectors, and checking that they are all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.captured_noise import Draw
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.scheduler_loop import Network, run_scheduler
from sssd_registry.sampling.tableau import LINEARITY_TOLERANCE, SolverTableau

Array = npt.NDArray[np.float64]

# Options of diffusers' schedulers that make a step depend on the sample other than linearly.
_NONLINEAR_OPTIONS = ("clip_sample", "thresholding")
# From less than a latent's size to far outside of what clipping leaves alone, one for each element of a state.
_PROBE_SCALES = np.geomspace(0.5, 5000.0, 8)


def read_tableau(scheduler: Any, num_inference_steps: int) -> SolverTableau:
    """Read the coefficients of any object with the diffusers interface; ``scheduler`` is left as it was.

    Raises:
        SSSDError: the scheduler is not linear (the option at fault is named), gives no finite numbers, or
            refuses that number of steps.
    """
    if not 1 <= num_inference_steps <= MAX_INFERENCE_STEPS:
        raise SSSDError(f"the number of steps has to be from 1 to {MAX_INFERENCE_STEPS:,}, got {num_inference_steps}")
    _check_betas(scheduler)
    name = type(scheduler).__name__

    def run(network: Network, draw: Draw) -> RunResult:
        try:
            return run_scheduler(scheduler, num_inference_steps, network, draw)
        except SSSDError:
            raise
        except Exception as error:  # whatever a scheduler raises that is not made for this
            reason = f"{type(error).__name__}: {error}"
            raise SSSDError(f"{name} cannot run {num_inference_steps} steps: {reason}") from error

    reading = read_run(run, name)
    if not reading.timesteps:
        raise SSSDError(f"{name} takes no step at all in {num_inference_steps} steps with {_options(scheduler)}")
    if not np.isfinite(reading.coefficients).all():
        raise SSSDError(
            f"{name} gives coefficients that are not finite in {num_inference_steps} steps"
            f" with {_options(scheduler)}: try more steps, or other sigmas"
        )
    if not reading.linear:
        raise SSSDError(f"{name} is not linear in noise and network outputs, {_remedy(scheduler)}")
    return SolverTableau(
        num_inference_steps, np.array(reading.timesteps), reading.coefficients, tuple(reading.drawn_in)
    )


RunResult = tuple[Tensor, list[float], list[int]]
Run = Callable[[Network, Draw], RunResult]


@dataclass(frozen=True)
class Reading:
    """Numbers read off a run.

    Attributes:
        timesteps: of each of the M calls.
        coefficients: as in a tableau, float64 ``(M + 1, 1 + M + W)``.
        drawn_in: for each of the W draws the call that it comes after.
        linear: the coefficients are finite, and a run on random numbers is what they say.
    """

    timesteps: list[float]
    coefficients: Array
    drawn_in: list[int]
    linear: bool


def read_run(run: Run, name: str) -> Reading:
    """Read a solver's coefficients off two runs: one on random numbers, and one on basis vectors.

    Args:
        run: ``(network, draw) -> (result, timesteps, drawn_in)``, as :func:`run_scheduler` has them.
        name: of the solver, for messages.

    Raises:
        SSSDError: the second run calls the network, or draws, other than the first.
    """
    witness = _Witness()
    result, timesteps, drawn_in = run(witness.network, witness.draw)
    if not timesteps:
        return Reading(timesteps, np.zeros((0, 0)), drawn_in, linear=True)
    coefficients = _read(run, timesteps, drawn_in, name)
    linear = bool(np.isfinite(coefficients).all()) and witness.confirms(coefficients, result)
    return Reading(timesteps, coefficients, drawn_in, linear)


def _check_betas(scheduler: Any) -> None:
    """NaN among the betas is seen here: few steps may jump over it, and come to finite, wrong coefficients."""
    betas = getattr(scheduler, "betas", None)
    if isinstance(betas, Tensor) and not betas.isfinite().all():
        at = int((~betas.isfinite()).nonzero()[0, 0])
        raise SSSDError(f"{type(scheduler).__name__} has betas that are no numbers, the first at time step {at}")


class _Witness:
    """Random outputs and draws, kept: what the coefficients have to reproduce."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.inputs: list[Array] = []
        self.outputs: list[Array] = []
        self.noises: list[Array] = []

    def network(self, _call: int, state: Tensor, _timestep: float) -> Tensor:
        self.inputs.append(state.numpy().ravel().copy())
        self.outputs.append(self.random.normal(scale=_PROBE_SCALES))
        return torch.from_numpy(self.outputs[-1]).reshape(state.shape)

    def draw(self, _index: int) -> Tensor:
        self.noises.append(self.random.normal(scale=_PROBE_SCALES))
        return torch.from_numpy(self.noises[-1]).reshape(1, 1, 1, -1)

    def confirms(self, coefficients: Array, result: Tensor) -> bool:
        """Tell whether the random run is what the coefficients say."""
        sources = np.stack([self.noises[0], *self.outputs, *self.noises[1:]])
        seen = np.stack([*self.inputs, result.numpy().ravel()])
        off, size = np.abs(coefficients @ sources - seen).max(axis=0), np.abs(seen).max(axis=0)
        return bool((off <= LINEARITY_TOLERANCE * size).all())


def _read(run: Run, timesteps: list[float], drawn_in: list[int], name: str) -> Array:
    """Rows: the input of every call, then the result. Element p of a state is its response to basis vector p."""
    calls, draws = len(timesteps), len(drawn_in)
    size = 1 + calls + draws
    basis = torch.eye(size, dtype=torch.float64).reshape(-1, 1, 1, 1, size)
    rows: list[Array] = []

    def network(call: int, state: Tensor, _timestep: float) -> Tensor:
        if call == calls:
            raise SSSDError(f"{name}: its number of calls depends on the data")
        rows.append(state.numpy().ravel().copy())
        return basis[1 + call].clone()

    def draw(index: int) -> Tensor:
        if index > draws:
            raise SSSDError(f"{name}: its number of draws depends on the data")
        return basis[0 if index == 0 else calls + index].clone()

    result, seen, seen_draws = run(network, draw)
    for what, first, second in (
        ("number of calls", len(timesteps), len(seen)),
        ("time steps", timesteps, seen),
        ("draws", drawn_in, seen_draws),
    ):
        if first != second:
            raise SSSDError(f"{name}: its {what} depend{'s' * (what == 'number of calls')} on the data")
    return np.stack([*rows, result.numpy().ravel()])


def _remedy(scheduler: Any) -> str:
    config: Mapping[str, Any] = getattr(scheduler, "config", {})
    faults = [f"{name}={config[name]}" for name in _NONLINEAR_OPTIONS if config.get(name)]
    if faults:
        return (
            f"because of {' and '.join(faults)}: pass {', '.join(fault.split('=')[0] + '=False' for fault in faults)}"
        )
    return f"with {_options(scheduler)}: it cannot be written as a tableau"


def _options(scheduler: Any) -> str:
    config = getattr(scheduler, "config", {})
    shown = {key: value for key, value in config.items() if key != "trained_betas" and not key.startswith("_")}
    return ", ".join(f"{key}={value}" for key, value in shown.items()) or "its options"
