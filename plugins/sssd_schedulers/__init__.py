"""First-party schedulers. One algorithm a file; each is imported only when it is built."""

from __future__ import annotations

from sssd_registry.hookspecs import SchedulerSpec, hookimpl
from sssd_schedulers.ddim import DDIM
from sssd_schedulers.ddpm import DDPM
from sssd_schedulers.dpmsolver import DPMSOLVER_PP

SSSD_HOOK_API = 1


@hookimpl
def register_schedulers() -> list[SchedulerSpec]:
    return [DDIM, DDPM, DPMSOLVER_PP]
