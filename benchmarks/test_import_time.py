"""Seconds of CPU before the first forecast, each in a fresh process: ``make bench``."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# What is imported -> the most seconds of CPU that it may take, Python's own start included.
GOALS = {
    "from sssd_registry import SSSDPipeline": 2.5,
    "from sssd_registry import open_forecaster": 2.5,
    "import sys; sys.argv = ['sssd', 'plugins']\nfrom sssd_registry.cli import main\nmain()": 0.35,
    "import sys; sys.argv = ['sssd', '--help']\nfrom sssd_registry.cli import main\nmain()": 0.35,
}
_USED = (
    "\nfinally:\n import resource, sys\n"
    " used = resource.getrusage(resource.RUSAGE_SELF)\n print(used.ru_utime + used.ru_stime, file=sys.stderr)"
)


def cpu_seconds(code: str) -> float:
    """User and system seconds of a process that runs ``code``."""
    body = "try:\n" + "\n".join(f" {line}" for line in code.splitlines()) + _USED
    done = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True)
    return float(done.stderr.split()[-1])


@pytest.mark.parametrize(("code", "goal"), GOALS.items(), ids=["SSSDPipeline", "open_forecaster", "plugins", "help"])
def test_import_time(benchmark: BenchmarkFixture, code: str, goal: float) -> None:
    taken: list[float] = []
    benchmark.pedantic(lambda: taken.append(cpu_seconds(code)), rounds=3, warmup_rounds=1)
    benchmark.extra_info["cpu_seconds"] = min(taken)
    assert min(taken) <= goal, taken
