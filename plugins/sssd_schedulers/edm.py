"""EDM (Karras et al. 2022): Euler and DPM-Solver++ on the paper's own sigmas, for networks not trained by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import require_betas

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class EDMOptions:
    """Sigmas from ``sigma_max`` down to ``sigma_min`` (Karras et al. 2022, eq. 5), both within those of training."""

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0
    sigma_schedule: Literal["karras", "exponential"] = "karras"
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"


@dataclass(frozen=True)
class EDMDPMOptions(EDMOptions):
    """``sde-dpmsolver++`` draws noise in every step."""

    algorithm_type: Literal["dpmsolver++", "sde-dpmsolver++"] = "dpmsolver++"
    solver_order: Literal[1, 2, 3] = 2
    solver_type: Literal["midpoint", "heun"] = "midpoint"


def make_edm_euler(schedule: NoiseSchedule, options: EDMOptions) -> Any:
    from sssd_schedulers.edm_preconditioned import PreconditionedEuler

    require_betas(PreconditionedEuler, schedule)
    return PreconditionedEuler(schedule, **_within(schedule, options))


def make_edm_dpm(schedule: NoiseSchedule, options: EDMDPMOptions) -> Any:
    from sssd_schedulers.edm_preconditioned import PreconditionedDPM

    require_betas(PreconditionedDPM, schedule)
    return PreconditionedDPM(schedule, **_within(schedule, options))


def _within(schedule: NoiseSchedule, options: EDMOptions) -> dict[str, Any]:
    """The options, with sigmas that the network has seen."""
    ratios = schedule.sigmas / schedule.alphas
    low, high = max(options.sigma_min, float(ratios[0])), min(options.sigma_max, float(ratios[-1]))
    return asdict(options) | {"sigma_min": low, "sigma_max": high}


EDM_EULER = SchedulerSpec(
    "edm-euler", "deterministic, first order, on the sigmas of EDM", make_edm_euler, EDMOptions, order=1
)
EDM_DPM = SchedulerSpec(
    "edm-dpm", "deterministic, second order multistep, on the sigmas of EDM", make_edm_dpm, EDMDPMOptions, order=2
)
