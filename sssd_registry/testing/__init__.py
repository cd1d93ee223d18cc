"""The conformance suites that a plugin's author runs. In a test file of the plugin:

    from sssd_registry.testing import SchedulerConformance

    class TestMine(SchedulerConformance):
        name = "mine"

Likewise ``SamplerConformance``, ``HeadConformance``, ``TargetConformance``, ``TrackerConformance`` and
``MetricConformance``. Each test asks the installed plugin, by its name, for one thing that the rest of the project
relies on.
"""

from __future__ import annotations

import pytest

# Before they are imported, so that their assertions show what they compared.
pytest.register_assert_rewrite(
    "sssd_registry.testing.schedulers",
    "sssd_registry.testing.samplers",
    "sssd_registry.testing.heads",
    "sssd_registry.testing.targets",
    "sssd_registry.testing.trackers",
    "sssd_registry.testing.metrics",
)

from sssd_registry.testing.heads import HeadConformance  # noqa: E402
from sssd_registry.testing.metrics import MetricConformance  # noqa: E402
from sssd_registry.testing.samplers import SamplerConformance  # noqa: E402
from sssd_registry.testing.schedulers import SchedulerConformance  # noqa: E402
from sssd_registry.testing.targets import TargetConformance  # noqa: E402
from sssd_registry.testing.trackers import TrackerConformance  # noqa: E402

__all__ = [
    "HeadConformance",
    "MetricConformance",
    "SamplerConformance",
    "SchedulerConformance",
    "TargetConformance",
    "TrackerConformance",
]
