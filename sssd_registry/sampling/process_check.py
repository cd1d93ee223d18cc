"""Check that a solver samples the process that the model was trained for, on data that are a single point.

Betas and prediction types are compared where a scheduler tells them
(:func:`sssd_registry.plugin_api.make_scheduler.check_process`); this needs nothing to be told. If all data are the
one point 1, then ``E z_t = alpha_t``, the perfect network is known, and every consistent solver, deterministic or
not, keeps that mean exactly in however few steps: the noise that it has to point along does not change. So wrong
betas, a wrong prediction type, a wrong scale of the input or time steps that mean something else all show as a wrong
mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sssd_registry.errors import SSSDError
from sssd_registry.sampling.noise_schedule import NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau

Array = npt.NDArray[np.float64]

# Schedulers round their time steps, which moves alpha by a step of training; another process is off by far more.
TOLERANCE = 0.02


def check_tableau(tableau: SolverTableau, schedule: NoiseSchedule, name: str) -> None:
    """Refuse a tableau of another process, or of a part of it: its forecasts would be wrong, silently.

    Raises:
        SSSDError: says at which network call the mean first goes astray, and by how much, or that the first call is
            too late.
    """
    alpha, sigma = schedule.marginal(tableau.timesteps)
    seen = point_means(tableau, schedule)
    expected = np.append(alpha, 1.0)
    wrong = ~(np.abs(seen - expected) <= TOLERANCE + _rounding(tableau.timesteps, schedule))
    if not wrong.any():
        return _check_start(float(tableau.timesteps[0]), float(alpha[0]), float(sigma[0]), name)
    row = int(wrong.argmax())
    where = "its result" if row == tableau.num_calls else f"call {row}, at t = {tableau.timesteps[row]:g},"
    raise SSSDError(
        f"{name} does not sample the process the model was trained for ({schedule.beta_schedule},"
        f" {schedule.prediction_type}): {where} has {seen[row]:.3g} of the data where {expected[row]:.3g} belongs;"
        " build it from the model's NoiseSchedule"
    )


def _check_start(timestep: float, alpha: float, sigma: float, name: str) -> None:
    """The means above cannot tell: noise is all there is to start from, whatever the first time step is."""
    if alpha > sigma:
        raise SSSDError(
            f"{name} starts at t = {timestep:g}, where a latent is {alpha:.3g} of the data and {sigma:.3g} noise, from"
            " noise alone, and would skip most of the denoising: take more steps, or timestep_spacing=trailing"
        )


def point_means(tableau: SolverTableau, schedule: NoiseSchedule) -> Array:
    """Means of every network input and of the result, ``(M + 1,)``, for data that are all 1."""
    calls = tableau.num_calls
    alpha, sigma = schedule.marginal(tableau.timesteps)
    sources = np.zeros(tableau.coefficients.shape[1])
    sources[0] = alpha[0] / tableau.coefficients[0, 0]  # so that the first input has the mean it should
    means = np.zeros(calls + 1)
    with np.errstate(over="ignore", invalid="ignore"):  # astray without bound, which no tolerance allows
        for row in range(calls + 1):
            means[row] = tableau.coefficients[row] @ sources
            if row < calls:
                sources[1 + row] = _perfect_output(means[row], alpha[row], sigma[row], schedule)
    return means


def _perfect_output(z: float, alpha: float, sigma: float, schedule: NoiseSchedule) -> float:
    eps = (z - alpha) / max(sigma, 1e-12)  # where there is no noise, any is too much
    outputs = {
        "epsilon": eps,
        "sample": 1.0,
        "v_prediction": alpha * eps - sigma,
        "flow_prediction": eps - 1.0,
    }
    return float(outputs[schedule.prediction_type])


def _rounding(timesteps: Array, schedule: NoiseSchedule) -> Array:
    """Return how much alpha changes over a step of training on either side; nothing for the result."""
    before, _ = schedule.marginal(timesteps - 1)
    after, _ = schedule.marginal(timesteps + 1)
    return np.append(np.abs(before - after), 0.0)
