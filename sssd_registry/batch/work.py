"""Work of one process of a batch: a forecaster that stays open, and parts that come one by one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sssd_registry.batch.parts import LeftOut
from sssd_registry.errors import DataWarning, LeftOutWarning, SSSDError
from sssd_registry.forecast import write_forecast
from sssd_registry.forecast_ends import forecast_ends, left_out
from sssd_registry.forecaster import Forecaster
from sssd_registry.model_or_engine import open_forecaster


@dataclass(frozen=True)
class Job:
    """Settings that all parts of a batch share, as the options of ``sssd forecast``."""

    model: Path
    scheduler: str | None
    steps: int | None
    horizons: Sequence[float | str] | None
    samples: int
    seed: int
    paths: bool
    strict: bool = False
    levels: bool = False


@dataclass(frozen=True)
class Done:
    """Outcome of a part: series with a forecast, and what has none."""

    part: Path
    series: int
    left_out: tuple[LeftOut, ...]


def forecast_part(forecaster: Forecaster, job: Job, part: Path, target: Path) -> Done:
    """Forecast one file into one file; data that cannot be used are an outcome, not an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # series that are left out are listed one by one
            if job.strict:
                warnings.simplefilter("error", LeftOutWarning)
            ends = forecast_ends(
                forecaster, part, horizons=job.horizons, num_samples=job.samples, seed=job.seed
            )  # fmt: skip
        made = ends.forecast.levels() if job.levels else ends.forecast
        write_forecast(made, target, paths=job.paths)
    except SSSDError as error:
        return Done(part, 0, (LeftOut(part.name, "", str(error)),))
    return Done(part, len(ends.origins), tuple(LeftOut(part.name, *row) for row in left_out(ends)))


# Of the process that this is; opened once, since that takes seconds.
_open: tuple[Forecaster, Job] | None = None


def begin(job: Job, threads: int) -> None:
    """Open the forecaster of this process, which takes so many threads. Ctrl-C is the parent's."""
    global _open
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch or a runtime is imported
    _open = open_forecaster(job.model, job.scheduler, job.steps), job


def _end_with_parent() -> None:
    """Wait for the parent's end: one that is killed cannot tell its workers, who would wait for parts for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def work(part: Path, target: Path) -> Done:
    """Forecast a part in this process."""
    assert _open is not None
    forecaster, job = _open
    return forecast_part(forecaster, job, part, target)
