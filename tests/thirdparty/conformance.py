"""The author's own tests: three lines for each."""

from sssd_registry.testing import HeadConformance, SchedulerConformance


class TestScheduler(SchedulerConformance):
    name = "exponential-heun"


class TestHead(HeadConformance):
    name = "horizon-attention"
