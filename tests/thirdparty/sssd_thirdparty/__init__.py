"""Plugins of this distribution."""

from dataclasses import dataclass

from sssd_registry import HeadSpec, SchedulerSpec, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class AttentionOptions:
    width: int = 32


@dataclass(frozen=True)
class HeunOptions:
    power: float = 1.0


def make_heun(schedule, options):
    from sssd_thirdparty.heun import ExponentialHeun

    return ExponentialHeun(schedule, options.power)


def make_attention(latent_size, cond_size, options):
    from sssd_thirdparty.attention import HorizonAttention

    return HorizonAttention(latent_size, cond_size, options.width)


@hookimpl
def register_schedulers():
    summary = "second order, two network calls a step, time steps by a power law"
    return [SchedulerSpec("exponential-heun", summary, make_heun, HeunOptions, order=2)]


@hookimpl
def register_heads():
    return [HeadSpec("horizon-attention", "attention from each horizon to all", make_attention, AttentionOptions)]
