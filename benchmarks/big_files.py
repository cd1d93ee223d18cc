"""Memory and time of `sssd train` and `sssd forecast` on long files and large panels: a million rows within 2 GB.

python benchmarks/big_files.py             prints a table
python benchmarks/big_files.py --document  writes it into docs/benchmarks.md

Half an hour on a core, nearly all of it for the last row, whose direct path is fitted as by default. The network is
small and trained for 20 steps: what grows with the rows is reading, windows, fits and validation.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MILLION = 1_000_000
LINEAR = "model.location_scale=linear"
SETTINGS = (
    "data.targets=all", "model.feature_size=8", "model.state_size=4",
    "model.num_layers=1", "model.context_size=8", "model.token_size=8",
    "model.head_options={hidden_sizes = [16], time_size = 8}", "training.max_steps=20", "training.validate_every=20",
)  # fmt: skip


@dataclass(frozen=True)
class Spent:
    """Cost of one command.

    Attributes:
        seconds: from start to end.
        gigabytes: of memory, at most.
    """

    seconds: float
    gigabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s, {self.gigabytes:.2f} GB"


def long_frame(rows: int) -> pd.DataFrame:
    """Minutes of three sensors: a day's shape, noise, and one that wanders."""
    random, day = np.random.default_rng(0), 2 * np.pi * np.arange(rows) / 1440
    load = 100 + 10 * np.sin(day) + random.normal(scale=0.01, size=rows).cumsum() + random.normal(size=rows)
    return pd.DataFrame(
        {
            "time": pd.date_range("2022-01-03", periods=rows, freq="min"),
            "load": load.round(4),
            "temperature": (15 + 5 * np.cos(day) + random.normal(size=rows)).round(4),
            "wind": np.abs(5 + np.sin(day) + random.normal(size=rows)).round(4),
        }
    )


def panel_frame(rows: int, length: int = 1000) -> pd.DataFrame:
    """Hours of many series, each of its own size with a day's shape."""
    random, count = np.random.default_rng(0), rows // length
    shape = 1.5 + np.sin(2 * np.pi * np.arange(length) / 24)
    values = random.gamma(2, 10, size=(count, 1)) * shape + random.normal(size=(count, length))
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{number:04d}" for number in range(count)], length),
            "ds": np.tile(pd.date_range("2024-01-01", periods=length, freq="h"), count),
            "y": values.ravel().round(4),
        }
    )


def spent(words: Sequence[str | Path]) -> Spent:
    """Run ``sssd`` in a process of its own.

    Raises:
        SystemExit: it fails; its output says why.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sssd_registry", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    told = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)  # of this child alone
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(told)
    return Spent(time.perf_counter() - began, 1024 * usage.ru_maxrss / 1e9)  # Linux counts in KiB


def write(frame: pd.DataFrame, file: Path) -> None:
    """Write a frame as the file's ending says; Arrow as it can be mapped."""
    if file.suffix == ".csv":
        frame.to_csv(file, index=False)
    elif file.suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_feather(file, compression="uncompressed", chunksize=len(frame))


def measure(frame: pd.DataFrame, folder: Path, ending: str = "csv", start: str = LINEAR) -> tuple[Spent, Spent]:
    """Cost of training on a frame's file, and of a forecast from it."""
    file, model = folder / f"data.{ending}", folder / "model"
    write(frame, file)
    settings = [part for setting in (*SETTINGS, start) for part in ("--set", setting)]
    trained = spent(["train", file, "--out", model, "--overwrite", *settings])
    return trained, spent(["forecast", model, file, "--out", folder / "forecast.csv"])


def main() -> None:
    """Measure each file in turn; print or write the table."""
    from documents import BENCHMARKS, fill
    from markdown_table import table

    minutes = ((MILLION // 4, "csv"), (MILLION // 2, "csv"), *((MILLION, one) for one in ("csv", "parquet", "arrow")))
    cases = [
        (f"{rows:,} minutes of 3 columns, .{ending}", long_frame(rows), ending, LINEAR) for rows, ending in minutes
    ]
    cases.append((f"{MILLION // 1000:,} series of 1,000 hours, .csv", panel_frame(MILLION), "csv", LINEAR))
    default = "model.location_scale=direct"
    cases.append((f"{MILLION:,} minutes of 3 columns, .csv, with the direct path", long_frame(MILLION), "csv", default))
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name, *case in cases:
            rows.append([name, *map(str, measure(case[0], Path(place), *case[1:]))])
            print(*rows[-1], sep="; ", file=sys.stderr)
    made = table(["file", "sssd train", "sssd forecast"], rows)
    if "--document" in sys.argv:
        fill(BENCHMARKS, {"big-files": made})
    print(made)


if __name__ == "__main__":
    main()
