"""First-party schedulers and samplers. One algorithm a file; each is imported only when it is built."""

from __future__ import annotations

from sssd_registry.plugin_api.hookspecs import SamplerSpec, SchedulerSpec, hookimpl
from sssd_schedulers.ddim import DDIM
from sssd_schedulers.ddpm import DDPM
from sssd_schedulers.deis import DEIS
from sssd_schedulers.dpm_sde import DPM_SDE
from sssd_schedulers.dpmsolver import DPMSOLVER_PP
from sssd_schedulers.dpmsolver_singlestep import DPMSOLVER_PP_SINGLESTEP
from sssd_schedulers.edm import EDM_DPM, EDM_EULER
from sssd_schedulers.euler import EULER
from sssd_schedulers.euler_ancestral import EULER_ANCESTRAL
from sssd_schedulers.flow import FLOW_EULER, FLOW_HEUN
from sssd_schedulers.heun import HEUN
from sssd_schedulers.heun_churn import HEUN_CHURN
from sssd_schedulers.ipndm import IPNDM
from sssd_schedulers.kdpm2 import KDPM2
from sssd_schedulers.kdpm2_ancestral import KDPM2_ANCESTRAL
from sssd_schedulers.lcm import LCM
from sssd_schedulers.lms import LMS
from sssd_schedulers.pndm import PNDM
from sssd_schedulers.sasolver import SA_SOLVER
from sssd_schedulers.tcd import TCD
from sssd_schedulers.unipc import UNIPC
from sssd_schedulers.unsupported import UNSUPPORTED

SSSD_HOOK_API = 1


@hookimpl
def register_schedulers() -> list[SchedulerSpec]:
    return [
        DDIM, DDPM, PNDM, DPMSOLVER_PP, DPMSOLVER_PP_SINGLESTEP, UNIPC, DEIS, EULER, EULER_ANCESTRAL, LMS, HEUN,
        KDPM2, KDPM2_ANCESTRAL, DPM_SDE, SA_SOLVER, LCM, TCD, EDM_EULER, EDM_DPM, IPNDM, FLOW_EULER, FLOW_HEUN,
        *UNSUPPORTED,
    ]  # fmt: skip


@hookimpl
def register_samplers() -> list[SamplerSpec]:
    return [HEUN_CHURN]
