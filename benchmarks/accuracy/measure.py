"""``make accuracy``: every peer and every head on every task whose data are given; goes on where it stopped.

    python benchmarks/accuracy/measure.py --exchange-rate exchange_rate.txt.gz --etth1 ETTh1.csv.gz \
        --eurusd EURUSD.csv --gbpusd GBPUSD-1min.csv --m4-hourly m4_hourly_train.csv.gz \
        --bike bike_hour.csv.gz --vic-elec vic_elec.csv.gz

A result is a file in ``--results``, named by task, forecaster, seed and a digest of data and configuration: what has
one is not run again, and a changed configuration runs anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from pydantic import BaseModel
from scoring import revision, scores_of
from summary import DEFAULTS, write_summary
from tasks import TASKS, Task, describe

from sssd_registry.data.windows import data_digest
from sssd_registry.files.atomic import atomic_file

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """One forecaster on one task: ``make`` gives samples of the test windows, and facts to keep.

    Of one that draws ``paths``, samples are at all horizons that are asked for; else at those of the task.
    """

    task: Task
    forecaster: str
    rank: int
    seed: int
    configuration: Any
    make: Callable[[Path], tuple[Array, dict[str, Any]]]
    paths: bool = False

    def file(self, results: Path) -> Path:
        text = json.dumps([self.configuration, data_digest(self.task.prepared.source)], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        name = self.forecaster.replace(", ", "-").replace(" ", "-").lower()
        return results / f"{self.task.name}.{name}.{self.seed}.{digest}.json"


def jobs(task: Task) -> Iterator[Job]:
    """Ranked: first what is quick, then the smallest heads, the trained peers, the other heads, other seeds."""
    import boosted
    import classical
    import defaults
    import direct_paths
    import entries
    import neural
    import path_peers

    scored, of_paths = revision(paths=False), revision(paths=True)
    kept = {"revision": 1, "samples": classical.NUM_SAMPLES, "data": _set(task.data), **scored}
    for name, peer in (classical.PEERS | boosted.PEERS).items():
        yield Job(task, name, 0, 0, kept, lambda _, peer=peer: (peer(task), {}))  # type: ignore[misc]
    drawn = {"revision": 1, "samples": path_peers.NUM_PATHS, "data": _set(task.data), **of_paths}
    for name, peer in path_peers.PEERS.items():
        yield Job(task, name, 0, 0, drawn, lambda _, peer=peer: (peer(task), {}), True)  # type: ignore[misc]
    start = {"revision": entries.revision(task, "linear"), "samples": entries.NUM_SAMPLES, **of_paths}
    start |= _set(entries.start_configuration(task))
    yield Job(task, "linear start alone", 0, 0, start, lambda folder: (entries.start_alone(task, folder), {}), True)
    for name, one in direct_paths.STARTS.items():
        fitted = {"revision": direct_paths.REVISION, **_set(direct_paths.configuration(task, one)), **scored}
        yield Job(task, name, 0, 0, fitted, lambda _, one=one: direct_paths.forecast(task, one))  # type: ignore[misc]
    plain = {"revision": defaults.REVISION, "samples": entries.NUM_SAMPLES, **of_paths}
    plain |= _set(defaults.configuration(task))
    yield Job(task, DEFAULTS, 1, 0, plain, lambda folder: defaults.run(task, folder), True)
    for entry in entries.entries(task):
        mine = {"revision": entries.revision(task, entry.start), "samples": entries.NUM_SAMPLES, **of_paths}
        for seed in entry.seeds:
            yield Job(
                task, entry.name, entries.rank(entry, seed), seed,
                {**mine, **_set(entries.configuration(task, entry, seed))},
                lambda folder, entry=entry, seed=seed: entries.run(task, entry, seed, folder),  # type: ignore[misc]
                True,
            )  # fmt: skip
    for name, trained in neural.PEERS.items():
        paths = name in neural.DRAW_PATHS
        mine = {**kept, **revision(paths)}
        yield Job(task, name, 2, 0, mine, lambda _, one=trained: (one(task, 0), {}), paths)  # type: ignore[misc]


def transfer_jobs(path: Path, results: Path) -> Iterator[Job]:
    """A short series from nothing and from another model's encoder, and what needs no network."""
    import classical
    import entries
    import transfer

    task = transfer.transfer(path)
    kept = {"revision": 1, "samples": classical.NUM_SAMPLES, "data": _set(task.data)}
    yield Job(task, "random walk", 0, 0, kept, lambda _: (classical.random_walk(task), {}))
    start = _set(entries.start_configuration(task))
    start |= {"revision": entries.revision(task, "linear")}
    yield Job(task, "linear start alone", 0, 0, start, lambda folder: (entries.start_alone(task, folder), {}), True)
    for seed in transfer.SEEDS:
        mine = {"revision": entries.revision(task, "random-walk"), **_set(transfer.configuration(task, seed))}
        yield Job(
            task, transfer.FROM_NOTHING, 4, seed, mine,
            lambda folder, seed=seed: transfer.run(task, seed, None, folder),  # type: ignore[misc]
        )  # fmt: skip
        yield Job(
            task, transfer.FROM_LOADS, 4, seed, mine,
            lambda folder, seed=seed: transfer.run(  # type: ignore[misc]
                task, seed, transfer.loads_model(path, results), folder
            ),
        )  # fmt: skip


def _set(config: BaseModel) -> dict[str, Any]:
    """Return the settings that are not defaults, so that a new option left alone makes nothing run again."""
    return config.model_dump(exclude_defaults=True)


@contextlib.contextmanager
def claimed(file: Path) -> Iterator[bool]:
    """Tell whether this process may make the file: no living process is making it."""
    lock = file.with_suffix(".lock")
    if lock.exists() and not Path(f"/proc/{lock.read_text() or 0}").exists():
        lock.unlink(missing_ok=True)
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        yield False
        return
    os.write(descriptor, str(os.getpid()).encode())
    os.close(descriptor)
    try:
        yield True
    finally:
        lock.unlink(missing_ok=True)


def run_job(job: Job, file: Path) -> None:
    """Score it and write its result, complete or not at all."""
    import torch

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        samples, facts = job.make(Path(folder) / "model")
    tree = {
        "task": job.task.name,
        "forecaster": job.forecaster,
        "seed": job.seed,
        "data": describe(job.task),
        "threads": torch.get_num_threads(),
        "seconds": time.perf_counter() - started,
        **facts,
        "scores": scores_of(job.task, samples, job.paths),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as new:
        new.write_text(json.dumps(tree, indent=1))


def main(
    exchange_rate: Annotated[Path | None, typer.Option(help="LSTNet's exchange_rate.txt")] = None,
    etth1: Annotated[Path | None, typer.Option(help="ETTh1.csv")] = None,
    eurusd: Annotated[Path | None, typer.Option(help="hourly bars")] = None,
    gbpusd: Annotated[Path | None, typer.Option(help="one-minute bars")] = None,
    m4_hourly: Annotated[Path | None, typer.Option(help="training parts of M4 Hourly, beside its test parts")] = None,
    bike: Annotated[Path | None, typer.Option(help="hour.csv of UCI's bike sharing")] = None,
    vic_elec: Annotated[Path | None, typer.Option(help="tsibbledata's vic_elec")] = None,
    results: Annotated[Path, typer.Option(help="where results are kept")] = Path("runs/accuracy"),
    only: Annotated[str, typer.Option(help="forecasters whose name contains this")] = "",
) -> None:
    """Run what has no result yet, then write the summary. Several processes can share the work."""
    given = {
        "etth1": etth1, "eurusd": eurusd, "gbpusd": gbpusd, "exchange_rate": exchange_rate, "m4_hourly": m4_hourly,
        "bike": bike, "vic_elec": vic_elec,
    }  # fmt: skip
    todo = [
        job
        for name, path in given.items()
        if path is not None
        for job in jobs(TASKS[name](path))
        if only in job.forecaster
    ]
    todo += [job for job in (transfer_jobs(etth1, results) if etth1 else ()) if only in job.forecaster]
    results.mkdir(parents=True, exist_ok=True)
    for number, job in enumerate(sorted(todo, key=lambda job: job.rank), start=1):
        file = job.file(results)
        with claimed(file) as mine:
            if not mine or file.exists():
                continue
            started = time.perf_counter()
            run_job(job, file)
            seconds = time.perf_counter() - started
            typer.echo(f"{number}/{len(todo)} {job.task.name}, {job.forecaster}, seed {job.seed}: {seconds:.0f} s")
    write_summary(results)


if __name__ == "__main__":
    typer.run(main)
