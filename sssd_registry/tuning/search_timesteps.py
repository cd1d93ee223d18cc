"""The search for time steps: least distance to what many steps give, from the same noise on the same windows.

As in Align Your Steps (Sabour et al. 2024) and LD3 (Tong et al. 2024), a schedule is fitted to the model and the
number of steps; here with the loss taken on the samples themselves, in the model's standard units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.evaluation.encoded_windows import EncodedWindows
from sssd_registry.plugin_api.make_scheduler import make_scheduler, solver_tableau
from sssd_registry.sampling.noise import path_noise
from sssd_registry.sampling.noise_schedule import Array, NoiseSchedule
from sssd_registry.sampling.sampler import Denoiser, sample
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.tuning.multistep import multistep_tableau

REFERENCE_STEPS = 200
_SAMPLES = 16
_SEED = 7_919
# Finite differences of a smooth function in float32.
_STEP = 3e-3


@dataclass(frozen=True)
class Objective:
    """RMS distance of a solver's latents to those of 200 steps, over all windows, samples and dimensions."""

    denoiser: Denoiser
    noise: Tensor  # (1, B, S, K, D)
    reference: Tensor  # (B, S, K, D)

    def __call__(self, tableau: SolverTableau) -> float:
        made = sample(self.denoiser, tableau, self.noise)
        return float((made - self.reference).square().mean().sqrt())


def make_objective(windows: EncodedWindows, schedule: NoiseSchedule) -> Objective:
    """Sample by DPM-Solver++ in 200 steps, as what other solvers are compared with."""
    reference = solver_tableau(make_scheduler("dpmsolver++", schedule), schedule, REFERENCE_STEPS)
    network, condition = windows.network, windows.condition
    drawn = path_noise(_SEED, 0, len(windows), _SAMPLES, network.noise_shape(None)).to(condition.device)
    noise, denoiser = network.first_latents(drawn.paths).unsqueeze(0), network.denoiser(condition)
    return Objective(denoiser, noise, sample(denoiser, reference, noise))


def search_timesteps(
    objective: Objective,
    schedule: NoiseSchedule,
    steps: int,
    *,
    max_evaluations: int = 1200,
    report: Callable[[int, float], None] | None = None,
) -> tuple[SolverTableau, float]:
    """Search; deterministic.

    Args:
        objective: what is to be small.
        schedule: the model's process.
        steps: N, 2 or more.
        max_evaluations: runs of the solver at most.
        report: told evaluations done and the best so far.

    Returns:
        the best solver, and its objective.

    Raises:
        SSSDError: fewer than 2 steps.
    """
    if steps < 2:
        raise SSSDError(f"there is nothing to tune in {steps} steps: ask for 2 or more")
    best: tuple[float, SolverTableau] | None = None
    done = 0

    def evaluate(parameters: Array) -> float:
        nonlocal best, done
        tableau = multistep_tableau(schedule, *placed(parameters, schedule))
        value = objective(tableau)
        done += 1
        if best is None or value < best[0]:
            best = (value, tableau)
        if report is not None:
            report(done, best[0])
        return float(np.log(value))

    starts = sorted(initial_placements(schedule, steps), key=evaluate)
    for index, start in enumerate(starts):  # there are local minima, and the best start need not end up first
        left = (max_evaluations - done) // (len(starts) - index)
        options = {"maxfun": left, "eps": _STEP, "ftol": 1e-4}
        minimize(evaluate, start, method="L-BFGS-B", bounds=_bounds(start), options=options)
    assert best is not None
    return best[1], best[0]


def placed(parameters: Array, schedule: NoiseSchedule) -> tuple[Array, float]:
    """Time steps and final sigma / alpha that ``(N + 1,)`` numbers stand for.

    The first N are log shares of the time from pure noise to training's first time step, where the last of the N
    steps would end. The last number says how far beyond it, in log-SNR, that step ends instead.
    """
    *logits, beyond = parameters
    shares = np.exp(logits - np.max(logits))
    passed = np.concatenate([[0.0], np.cumsum(shares / shares.sum())[:-1]])
    first, last = schedule.timesteps[0], schedule.timesteps[-1]
    alpha, sigma = schedule.marginal(first)
    return last - (last - first) * passed, float(sigma / alpha * np.exp(-np.exp(beyond)))


def initial_placements(schedule: NoiseSchedule, steps: int) -> list[Array]:
    """Parameters of known placements: even in time, even in log-SNR, and two in between."""
    times = schedule.timesteps
    alpha, sigma = schedule.marginal(times)
    levels = np.log(np.maximum(alpha, 0.5 / len(times))) - np.log(sigma)  # log-SNR, falling; flow's last has none
    even_time = np.linspace(times[-1], times[0], steps + 1)
    even_snr = np.interp(-np.linspace(levels[-1], levels[0], steps + 1), -levels, times)
    return [
        np.append(np.log(-np.diff((1 - share) * even_time + share * even_snr)), 0.0) for share in (0.0, 0.3, 0.6, 0.9)
    ]


def _bounds(start: Array) -> list[tuple[float, float]]:
    """Wide, but so that no two time steps run into each other."""
    return [(value - 3.0, value + 3.0) for value in start]
