"""Options and construction that most first-party schedulers share: time step spacing, and making a diffusers class."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.errors import SSSDError

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule

Spacing = Literal["trailing", "leading", "linspace"]


@dataclass(frozen=True)
class SpacingOptions:
    """Spacing of time steps.

    ``trailing`` starts at the last training step, as pure noise asks for (Lin et al. 2024, section 3.3).
    """

    timestep_spacing: Spacing = "trailing"


@dataclass(frozen=True)
class SigmaChoice:
    """Choice of sigmas: at most one of the three; by default those of evenly spaced time steps.

    By Karras et al. 2022 (eq. 5), geometric, or by a beta distribution's quantiles (Lee et al. 2024).
    """

    use_karras_sigmas: bool = False
    use_exponential_sigmas: bool = False
    use_beta_sigmas: bool = False


@dataclass(frozen=True)
class SigmaOptions(SigmaChoice, SpacingOptions):
    """Spacing of time steps and sigmas."""


def require_betas(scheduler: type, schedule: NoiseSchedule) -> None:
    """Refuse what would sample another process than the one trained.

    Raises:
        SSSDError: the model was trained for flow matching.
    """
    if schedule.is_flow:
        raise SSSDError(
            f"{scheduler.__name__} needs betas, and this model was trained for flow matching: take flow-euler,"
            " flow-heun, dpmsolver++, dpmsolver++-singlestep or unipc"
        )


# Sigmas of latent image diffusion end at 15, those of linear betas at 160, those of cosine betas at 20,000.
_LARGEST_FOR_BETA_SIGMAS = 1000.0


def check_sigmas(schedule: NoiseSchedule, options: Any) -> None:
    """Refuse a choice of sigmas that cannot work.

    Raises:
        SSSDError: beta sigmas where sigma has no scale.
    """
    if not getattr(options, "use_beta_sigmas", False) or schedule.is_flow:
        return
    largest = float(schedule.sigmas[-1] / schedule.alphas[-1])
    if largest > _LARGEST_FOR_BETA_SIGMAS:
        raise SSSDError(
            f"use_beta_sigmas spreads the steps over sigma itself, which reaches {largest:,.0f} with"
            f" {schedule.beta_schedule} betas: none would be left where the data are; take use_karras_sigmas"
        )


def variance_preserving(scheduler: type, schedule: NoiseSchedule, options: Any, **fixed: Any) -> Any:
    """``scheduler`` for a process with betas; ``options`` are a dataclass with the names of its arguments.

    Raises:
        SSSDError: the model was trained for flow matching.
    """
    require_betas(scheduler, schedule)
    check_sigmas(schedule, options)
    return scheduler(**schedule.scheduler_config(), **asdict(options), **fixed)


def any_process(scheduler: type, schedule: NoiseSchedule, options: Any, **fixed: Any) -> Any:
    """``scheduler``, one of those in diffusers that do flow matching as well, for whichever process it is.

    DEIS and SA-Solver take the same argument, but stop one step short of the data.
    """
    check_sigmas(schedule, options)
    return scheduler(**schedule.scheduler_config(), **asdict(options), **fixed, use_flow_sigmas=schedule.is_flow)
