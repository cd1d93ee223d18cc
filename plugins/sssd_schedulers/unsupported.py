"""diffusers' schedulers that cannot sample a forecast, each listed with the reason."""

from __future__ import annotations

import functools
from typing import Any

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import SchedulerSpec

_TOKENS = "denoises tokens out of a vocabulary, not numbers"
_BACKWARDS = "runs from data to noise"
_OTHER_PROCESS = "samples a process of its own, which no NoiseSchedule describes"

REASONS = {
    "AmusedScheduler": _TOKENS,
    "BlockRefinementScheduler": _TOKENS,
    "CMStochasticIterativeScheduler": f"{_OTHER_PROCESS} (consistency models on sigmas of EDM); take lcm",
    "CogVideoXDDIMScheduler": f"{_OTHER_PROCESS} (betas shifted to no signal at the end); take ddim",
    "CogVideoXDPMScheduler": f"{_OTHER_PROCESS} (betas shifted to no signal at the end); take dpmsolver++",
    "CosineDPMSolverMultistepScheduler": f"{_OTHER_PROCESS} (cosine sigmas of EDM); take edm-dpm",
    "DDIMInverseScheduler": _BACKWARDS,
    "DDPMWuerstchenScheduler": f"{_OTHER_PROCESS} (continuous cosine time); take ddpm",
    "DPMSolverMultistepInverseScheduler": _BACKWARDS,
    "DiscreteDDIMScheduler": _TOKENS,
    "EntropyBoundScheduler": _TOKENS,
    "HeliosDMDScheduler": "its step needs a video model's stages",
    "HeliosScheduler": "its step needs a video model's stages",
    "KarrasVeScheduler": "its step is two functions, with no list of time steps before it runs; take heun",
    "MiniMaxH3Scheduler": f"{_OTHER_PROCESS} (time runs from noise at 0 to data at 1)",
    "PiflowScheduler": "its networks predict a policy of many steps at once",
    "RFD4ProteinaScheduler": f"{_OTHER_PROCESS} (protein structures)",
    "RePaintScheduler": "fills in an image of which a part is given",
    "SCMScheduler": f"{_OTHER_PROCESS} (trigonometric flow); take lcm",
    "ScoreSdeVeScheduler": "its step is two functions, for a variance that explodes; take euler-ancestral",
    "UnCLIPScheduler": "takes no betas and no v-prediction; take ddpm",
    "VQDiffusionScheduler": _TOKENS,
}


def _make(_schedule: Any, _options: Any) -> Any:
    raise SSSDError("a scheduler listed as unavailable cannot be made")


def _because(reason: str) -> str:
    return reason


UNSUPPORTED = [
    SchedulerSpec(name, "of diffusers", _make, unavailable=functools.partial(_because, reason))
    for name, reason in REASONS.items()
]
