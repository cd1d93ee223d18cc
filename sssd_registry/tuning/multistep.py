"""An exponential Adams predictor-corrector on any time steps, as a tableau in closed form.

With ``lambda = log(alpha / sigma)`` the probability flow ODE is (Lu et al. 2022b, eq. 8)

    z(l) / sigma(l) = z_i / sigma_i + integral from lambda_i to l of exp(l') x0(l') dl'

The predictor puts through the last two data predictions a line, for z_{i+1}; the network's output there adds a third
point, and the corrector takes the step again with the parabola (UniPC's idea, Zhao et al. 2023, but integrated
exactly). One network call a step. The last step, of the predictor, ends at a sigma of its own.
"""

from __future__ import annotations

import numpy as np

from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.tableau import SolverTableau

_POINTS = 2  # of the predictor; the corrector has one more


def multistep_tableau(schedule: NoiseSchedule, timesteps: Array, final_ratio: float) -> SolverTableau:
    """N steps at ``timesteps``.

    Args:
        schedule: the process.
        timesteps: float64 ``(N,)``, falling, the first where the initial noise is; may be fractional.
        final_ratio: sigma / alpha that the last step ends at, below that of the last time step.

    Raises:
        ValueError: time steps that do not fall.
    """
    alpha, sigma = schedule.marginal(timesteps)
    scale = 1 + final_ratio if schedule.is_flow else np.hypot(1.0, final_ratio)
    alpha, sigma = np.append(alpha, 1 / scale), np.append(sigma, final_ratio / scale)
    # Pure noise, flow matching's last time step, has no log-SNR: one far below every other serves.
    level = np.log(np.maximum(alpha, 1e-9)) - np.log(sigma)
    if not (np.diff(level) > 0).all():
        raise ValueError(f"time steps have to fall, and to end at less noise than the last has; got {timesteps}")
    count = len(timesteps)
    rows, data = np.zeros((count + 1, 1 + count)), np.zeros((count, 1 + count))  # z_i and x0_i
    rows[0, 0] = 1.0
    corrected = rows[0]
    for i in range(count):
        data[i] = _x0(schedule, rows[i], i, alpha[i], sigma[i])
        if i > 0:
            nodes = np.arange(max(0, i - _POINTS), i + 1)
            corrected = _step(corrected, data[nodes], level[nodes], level[i - 1 : i + 1], sigma[i - 1 : i + 1])
        nodes = np.arange(max(0, i + 1 - _POINTS), i + 1)
        rows[i + 1] = _step(corrected, data[nodes], level[nodes], level[i : i + 2], sigma[i : i + 2])
    rows[count] /= alpha[count]  # E z = alpha x0: the data, with what noise is left
    return SolverTableau(count, timesteps, rows, ())


def _step(state: Array, data: Array, nodes: Array, levels: Array, sigmas: Array) -> Array:
    """One step with the polynomial through ``data`` at ``nodes``, its integral taken exactly."""
    start, end = levels
    weights = _integrals(nodes - end, start - end) * np.exp(end)
    step: Array = sigmas[1] / sigmas[0] * state + sigmas[1] * (weights @ data)
    return step


def _integrals(nodes: Array, start: float) -> Array:
    """Integrals from ``start`` to 0 of ``exp(s)`` times each Lagrange polynomial of ``nodes``."""
    moments = [-np.expm1(start)]  # of exp(s) s^k, by parts
    for k in range(1, len(nodes)):
        moments.append(-np.exp(start) * start**k - k * moments[-1])
    # The Vandermonde matrix maps Lagrange weights to moments.
    powers = np.vander(nodes, increasing=True).T
    weights: Array = np.linalg.solve(powers, np.array(moments))
    return weights


def _x0(schedule: NoiseSchedule, state: Array, call: int, alpha: float, sigma: float) -> Array:
    """The data that output ``call`` means, as a row: a share of the state and one of the output."""
    shares = {
        "v_prediction": (alpha, -sigma),
        "epsilon": (1 / alpha if alpha else 0.0, -sigma / alpha if alpha else 0.0),
        "sample": (0.0, 1.0),
        "flow_prediction": (1.0, -sigma),
    }
    of_state, of_output = shares[schedule.prediction_type]
    row: Array = of_state * state
    row[1 + call] += of_output
    return row
