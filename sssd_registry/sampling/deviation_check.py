"""Check of how wide a solver's samples are, on normal data of which the truth is known.

The mean, which :mod:`sssd_registry.sampling.process_check` looks at, is kept by solvers that sample far too wide.
For ``x0 ~ N(0, std²)`` the perfect network is linear, so the deviation of what a tableau samples is exact, and cheap.
On data that are a point every solver that goes all the way leaves no noise at all, in however few steps.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SolverWarning, SSSDError
from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau, Update

# A narrow and a wide forecast in latents of about unit size.
_STDS = (0.4, 1.0)
# A solver in few steps is allowed to be off: one step gives the mean, and no deviation at all.
_TOO_WIDE, _WIDE, _NARROW, _ENOUGH_STEPS = 4.0, 1.5, 0.53, 10
_LEFT_TIMES, _LEFT = 1.5, 0.01


def check_deviation(tableau: SolverTableau, schedule: NoiseSchedule, name: str) -> None:
    """Refuse a tableau that samples far too wide, and warn of one that is off or leaves noise.

    Args:
        tableau: the solver.
        schedule: its process.
        name: of the solver, with its steps and options, for messages.

    Raises:
        SSSDError: its samples are more than four times as wide as the data.

    Warns:
        SolverWarning: they are 1.5 times as wide; in ten steps or more, about half as wide; or noise is left.
    """
    left, *made = deviations(tableau, schedule, (0.0, *_STDS))
    widths = [float(one / std) for one, std in zip(made, _STDS, strict=True)]
    if not max(widths) <= _TOO_WIDE:
        raise SSSDError(f"{name} {_says(max(widths))}: take more steps, or other options")
    off = max(widths) if max(widths) > _WIDE else min(widths)
    if off > _WIDE or (tableau.num_inference_steps >= _ENOUGH_STEPS and off < _NARROW):
        _warn(f"{name} {_says(off)}: take more steps, or other options")
    elif left > most_noise_left(schedule):
        _warn(
            f"{name} leaves noise of deviation {left:.2g} in its samples, where training's least is"
            f" {schedule.sigmas[0]:.2g}: take more steps, or other options"
        )


def most_noise_left(schedule: NoiseSchedule) -> float:
    """The deviation of what noise a solver may leave: it may end at the first of training's sigmas, or near it."""
    return _LEFT_TIMES * float(schedule.sigmas[0]) + _LEFT


def _says(width: float) -> str:
    return f"samples normal data {width:.2g} times as wide as they are"


def _warn(message: str) -> None:
    warnings.warn(message, SolverWarning, stacklevel=4)


def deviations(tableau: SolverTableau, schedule: NoiseSchedule, stds: Sequence[float]) -> Array:
    """Deviation of the result for data ``N(0, std²)`` and a perfect network, by ``std``."""
    alpha, sigma = schedule.marginal(tableau.timesteps)
    variance = np.square(np.asarray(stds, dtype=np.float64))[:, None]
    # Responses to each noise, (stds, noises): what is drawn is independent, of variance 1.
    noise = np.eye(tableau.num_noises)[:, None, :].repeat(len(stds), axis=1)
    states: deque[Array] = deque(maxlen=tableau.memory)
    outputs: deque[Array] = deque(maxlen=tableau.memory)
    sources: Mapping[str, Sequence[Array] | Array] = {"state": states, "output": outputs, "noise": noise}
    with np.errstate(over="ignore", invalid="ignore"):  # without bound, which no tolerance allows
        state = _combined(tableau.updates[0], sources)
        for call in range(tableau.num_calls):
            states.appendleft(state)
            outputs.appendleft(_response(state, float(alpha[call]), float(sigma[call]), variance, schedule))
            state = _combined(tableau.updates[call + 1], sources)
        result: Array = np.sqrt(np.square(state).sum(axis=-1))
    return result


def _combined(update: Update, sources: Mapping[str, Sequence[Array] | Array]) -> Array:
    total: Array = sum((sources[term.source][term.index] * term.weight for term in update), np.zeros(()))
    return total


def _response(
    z: Array, alpha: float, sigma: float, variance: npt.NDArray[np.float64], schedule: NoiseSchedule
) -> Array:
    """Give the perfect network's output for a latent, both without their means."""
    sigma = max(sigma, 1e-12)
    x0 = alpha * variance / (alpha**2 * variance + sigma**2) * z
    eps = (z - alpha * x0) / sigma
    outputs = {
        "epsilon": eps,
        "sample": x0,
        "v_prediction": alpha * eps - sigma * x0,
        "flow_prediction": eps - x0,
    }
    return outputs[schedule.prediction_type]
