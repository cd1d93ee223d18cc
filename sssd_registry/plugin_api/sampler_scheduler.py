"""A plugin's loop sampler as the scheduler that it becomes."""

from __future__ import annotations

import dataclasses
from typing import Any

from sssd_registry.plugin_api.hookspecs import SamplerSpec, SchedulerSpec


def scheduler_of_sampler(spec: SamplerSpec, plugin: str) -> SchedulerSpec:
    """Describe the scheduler; torch and the sampler's function are imported when one is made.

    Args:
        spec: the sampler.
        plugin: whose it is, for messages.
    """

    def factory(schedule: Any, options: Any) -> Any:
        from sssd_registry.sampling.loop_function import LoopFunction
        from sssd_registry.sampling.loop_scheduler import LoopScheduler

        function = spec.factory()
        chosen = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
        name = getattr(function, "__name__", type(function).__name__)
        label = f"sampler {spec.name!r} of plugin {plugin!r}, {name}()"
        return LoopScheduler(LoopFunction(function, label, chosen.pop("sigmas"), chosen), schedule)

    return SchedulerSpec(spec.name, spec.summary, factory, spec.options, order=spec.order, unavailable=spec.unavailable)
