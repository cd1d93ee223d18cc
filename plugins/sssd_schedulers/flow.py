"""Euler and Heun for networks trained by flow matching (Lipman et al. 2023; Esser et al. 2024, section 2)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import SchedulerSpec

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class FlowOptions:
    """``shift`` above 1 moves steps towards the noise (Esser et al. 2024, eq. 23)."""

    shift: float = 1.0


@dataclass(frozen=True)
class FlowEulerOptions(FlowOptions):
    """Kinds of sigmas, of which at most one is chosen."""

    use_karras_sigmas: bool = False
    use_exponential_sigmas: bool = False
    use_beta_sigmas: bool = False


def make_flow_euler(schedule: NoiseSchedule, options: FlowEulerOptions) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(_trained_steps(schedule, "flow-euler"), **asdict(options))


def make_flow_heun(schedule: NoiseSchedule, options: FlowOptions) -> Any:
    from diffusers import FlowMatchHeunDiscreteScheduler

    return FlowMatchHeunDiscreteScheduler(_trained_steps(schedule, "flow-heun"), **asdict(options))


def _trained_steps(schedule: NoiseSchedule, name: str) -> int:
    if not schedule.is_flow:
        raise SSSDError(f"{name} is for models trained by flow matching: model.beta_schedule = 'flow'")
    return schedule.num_train_timesteps


FLOW_EULER = SchedulerSpec(
    "flow-euler", "deterministic, first order, for flow matching", make_flow_euler, FlowEulerOptions, order=1
)
FLOW_HEUN = SchedulerSpec(
    "flow-heun",
    "deterministic, second order, for flow matching; two calls a step",
    make_flow_heun,
    FlowOptions,
    order=2,
)
