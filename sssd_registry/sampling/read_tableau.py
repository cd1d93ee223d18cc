"""Reading a scheduler's coefficients off by running it on basis vectors, and checking that they are all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS
from sssd_registry.sampling.scheduler_loop import run_scheduler
from sssd_registry.sampling.tableau import LINEARITY_TOLERANCE, SolverTableau

Array = npt.NDArray[np.float64]

# Options of diffusers' schedulers that make a step depend on the sample other than linearly.
_NONLINEAR_OPTIONS = ("clip_sample", "thresholding", "sample_max_value", "clip_sample_range")
# Far outside of what clipping leaves alone.
_PROBE_SCALE = 25.0


def read_tableau(scheduler: Any, num_inference_steps: int) -> SolverTableau:
    """Read the coefficients of any object with the diffusers interface; ``scheduler`` is left as it was.

    Raises:
        SSSDError: the scheduler is not linear (the option at fault is named), gives no finite numbers, or
            refuses that number of steps.
    """
    if not 1 <= num_inference_steps <= MAX_INFERENCE_STEPS:
        raise SSSDError(f"the number of steps has to be from 1 to {MAX_INFERENCE_STEPS:,}, got {num_inference_steps}")
    _check_betas(scheduler)
    witness = _Witness(width=8)
    try:
        result, timesteps, drawn_in = run_scheduler(scheduler, num_inference_steps, witness.network, witness.draw)
    except SSSDError:
        raise
    except Exception as error:  # whatever a scheduler raises that is not made for this
        reason = f"{type(error).__name__}: {error}"
        raise SSSDError(f"{type(scheduler).__name__} cannot run {num_inference_steps} steps: {reason}") from error
    if not timesteps:
        raise SSSDError(
            f"{type(scheduler).__name__} takes no step at all in {num_inference_steps} steps with {_options(scheduler)}"
        )
    coefficients = _read(scheduler, num_inference_steps, len(timesteps), len(drawn_in))
    if not np.isfinite(coefficients).all():
        raise SSSDError(
            f"{type(scheduler).__name__} gives coefficients that are not finite in {num_inference_steps} steps"
            f" with {_options(scheduler)}: try more steps, or other sigmas"
        )
    _check_superposition(scheduler, coefficients, witness, result)
    return SolverTableau(num_inference_steps, np.array(timesteps), coefficients, tuple(drawn_in))


def _check_betas(scheduler: Any) -> None:
    """NaN among the betas is seen here: few steps may jump over it, and come to finite, wrong coefficients."""
    betas = getattr(scheduler, "betas", None)
    if isinstance(betas, Tensor) and not betas.isfinite().all():
        at = int((~betas.isfinite()).nonzero()[0, 0])
        raise SSSDError(f"{type(scheduler).__name__} has betas that are no numbers, the first at time step {at}")


class _Witness:
    """Random outputs and draws, kept: what the coefficients have to reproduce."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.random = np.random.default_rng(0)
        self.inputs: list[Array] = []
        self.outputs: list[Array] = []
        self.noises: list[Array] = []

    def network(self, _call: int, state: Tensor, _timestep: float) -> Tensor:
        self.inputs.append(state.numpy().ravel().copy())
        self.outputs.append(self.random.normal(scale=_PROBE_SCALE, size=self.width))
        return torch.from_numpy(self.outputs[-1]).reshape(state.shape)

    def draw(self, _index: int) -> Tensor:
        self.noises.append(self.random.normal(scale=_PROBE_SCALE, size=self.width))
        return torch.from_numpy(self.noises[-1]).reshape(1, 1, -1)


def _read(scheduler: Any, num_inference_steps: int, calls: int, draws: int) -> Array:
    """Rows: the input of every call, then the result. Element p of a state is its response to basis vector p."""
    basis = torch.eye(1 + calls + draws, dtype=torch.float64).reshape(-1, 1, 1, 1 + calls + draws)
    rows: list[Array] = []

    def network(call: int, state: Tensor, _timestep: float) -> Tensor:
        rows.append(state.numpy().ravel().copy())
        return basis[1 + call].clone()

    def draw(index: int) -> Tensor:
        return basis[0 if index == 0 else calls + index].clone()

    result, _, _ = run_scheduler(scheduler, num_inference_steps, network, draw)
    return np.stack([*rows, result.numpy().ravel()])


def _check_superposition(scheduler: Any, coefficients: Array, witness: _Witness, result: Tensor) -> None:
    """Refuse a scheduler whose random run is not what its coefficients say."""
    sources = np.stack([witness.noises[0], *witness.outputs, *witness.noises[1:]])
    expected = coefficients @ sources
    seen = np.stack([*witness.inputs, result.numpy().ravel()])
    if np.abs(expected - seen).max() <= LINEARITY_TOLERANCE * np.abs(seen).max():
        return
    config: Mapping[str, Any] = getattr(scheduler, "config", {})
    faults = [f"{name}={config[name]}" for name in _NONLINEAR_OPTIONS[:2] if config.get(name)]
    remedy = (
        f"because of {' and '.join(faults)}: pass {', '.join(fault.split('=')[0] + '=False' for fault in faults)}"
        if faults
        else f"with {_options(scheduler)}: it cannot be written as a tableau"
    )
    raise SSSDError(f"{type(scheduler).__name__} is not linear in noise and network outputs, {remedy}")


def _options(scheduler: Any) -> str:
    config = getattr(scheduler, "config", {})
    shown = {key: value for key, value in config.items() if key != "trained_betas" and not key.startswith("_")}
    return ", ".join(f"{key}={value}" for key, value in shown.items()) or "its options"
