"""Memory that data take: in proportion to their rows, and a million rows within 2 GB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

READ = """
import resource, sys
from sssd_registry.config import load_config
from sssd_registry.data.training_data import training_data
config = load_config(None, ["data.targets=all"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
training_data(sys.argv[1], config.data)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_reading_holds_no_more_than_a_few_copies(tmp_path: Path) -> None:
    """Of a row more: 4 numbers as text and as such, and 4 timeframes. A copy of all windows would be kilobytes."""
    from big_files import long_frame

    peaks = []
    for rows in (50_000, 200_000):
        path = tmp_path / f"{rows}.csv"
        long_frame(rows).to_csv(path, index=False)
        done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert (peaks[1] - peaks[0]) / 150_000 < 700


@pytest.mark.long
@pytest.mark.parametrize("kind", ["long", "panel"])
def test_a_million_rows_train_and_forecast_within_two_gigabytes(tmp_path: Path, kind: str) -> None:
    from big_files import MILLION, long_frame, measure, panel_frame

    for spent in measure({"long": long_frame, "panel": panel_frame}[kind](MILLION), tmp_path):
        assert spent.gigabytes < 2
