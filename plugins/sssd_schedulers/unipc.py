"""UniPC (Zhao et al. 2023, algorithms 1 and 2): a predictor and a corrector that costs no network call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import SchedulerSpec
from sssd_schedulers.common import SigmaOptions, any_process

if TYPE_CHECKING:
    from sssd_registry.sampling.noise_schedule import NoiseSchedule


@dataclass(frozen=True)
class UniPCOptions(SigmaOptions):
    """Options of UniPC.

    ``bh1`` and ``bh2`` are the two choices of B(h) in Zhao et al. 2023, section 4.2. The corrector adds one order to
    ``solver_order``.
    """

    solver_order: Literal[1, 2, 3] = 2
    solver_type: Literal["bh1", "bh2"] = "bh2"
    predict_x0: bool = True
    lower_order_final: bool = True
    final_sigmas_type: Literal["zero", "sigma_min"] = "zero"


def make_unipc(schedule: NoiseSchedule, options: UniPCOptions) -> Any:
    from diffusers import UniPCMultistepScheduler

    if options.final_sigmas_type == "zero" and not (options.predict_x0 and options.solver_type == "bh2"):
        raise SSSDError("unipc ends at sigma 0 only with bh2 and predict_x0: set final_sigmas_type=sigma_min")
    return any_process(UniPCMultistepScheduler, schedule, options, thresholding=False)


UNIPC = SchedulerSpec(
    "unipc",
    "deterministic, second order predictor, third with its corrector; strong at 5–10 steps",
    make_unipc,
    UniPCOptions,
    order=3,
)
