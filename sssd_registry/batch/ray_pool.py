"""Actors of Ray Data for a batch, over the machines of a cluster that share a file system."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sssd_registry.batch.parts import LeftOut
from sssd_registry.batch.work import Done, Job, forecast_part
from sssd_registry.model_or_engine import open_forecaster


class Worker:
    """Actor with an open forecaster. Ray starts one that died again, and gives it its part again."""

    def __init__(self, job: Job) -> None:
        self.job, self.forecaster = job, open_forecaster(job.model, job.scheduler, job.steps)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Forecast the part in ``row``."""
        done = forecast_part(self.forecaster, self.job, Path(row["part"]), Path(row["target"]))
        left_out = [[one.series, one.reason] for one in done.left_out]
        return {"part": row["part"], "series": done.series, "left_out": left_out}


def run_parts(job: Job, parts: Mapping[Path, Path], workers: int) -> Iterator[Done]:
    """Forecast parts, in the order in which they come to their end.

    Args:
        job: what they share; its model's folder is seen by all machines.
        parts: each with the file that its forecast goes to.
        workers: actors, of one processor each.
    """
    import ray

    if not parts:
        return
    # RAY_ADDRESS names a cluster; without it, Ray starts one of this machine. What it logs is in its own folder.
    ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = [{"part": str(part.resolve()), "target": str(target.resolve())} for part, target in parts.items()]
    by_name = {str(part.resolve()): part for part in parts}
    ray.data.DataContext.get_current().enable_progress_bars = False
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    actors = ray.data.ActorPoolStrategy(size=min(workers, len(rows)))
    here = replace(job, model=job.model.resolve())  # actors work in folders of their own
    made = data.map(Worker, fn_constructor_args=(here,), compute=actors, num_cpus=1)
    for row in made.iter_rows():
        part = by_name[row["part"]]
        yield Done(part, row["series"], tuple(LeftOut(part.name, *one) for one in row["left_out"]))
