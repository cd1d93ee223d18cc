"""Pool of processes for a batch; one that is killed takes no part with it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from sssd_registry.batch.parts import LeftOut
from sssd_registry.batch.work import Done, Job, begin, work


def run_parts(job: Job, parts: Mapping[Path, Path], workers: int) -> Iterator[Done]:
    """Forecast parts, in the order in which they come to their end.

    Where a process dies, of too little memory perhaps, those that were being forecast are tried again one at a time;
    one that dies again is left out.

    Args:
        job: what they share.
        parts: each with the file that its forecast goes to.
        workers: processes.
    """
    left = dict(parts)
    while left:
        suspects = yield from _together(job, left, workers)
        for part in suspects:
            yield _alone(job, part, left.pop(part))


def _together(job: Job, left: dict[Path, Path], workers: int) -> Generator[Done, None, list[Path]]:
    """Work off ``left``; returns what was being forecast when a process died."""
    running: dict[Future[Done], Path] = {}
    queue = iter(list(left.items()))
    with _pool(job, min(workers, len(left))) as pool:
        try:
            while True:
                # No more than the processes take at once: a batch of any size takes no more memory.
                while len(running) < 2 * workers and (following := next(queue, None)) is not None:
                    running[pool.submit(work, *following)] = following[0]
                if not running:
                    return []
                over, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in over:
                    done = future.result()
                    del left[running.pop(future)]
                    yield done
        except BrokenProcessPool:
            return list(running.values())


def _alone(job: Job, part: Path, target: Path) -> Done:
    with _pool(job, 1) as pool:
        try:
            return pool.submit(work, part, target).result()
        except BrokenProcessPool:
            return Done(part, 0, (LeftOut(part.name, "", "the process that forecast it was killed, twice"),))


def _pool(job: Job, workers: int) -> ProcessPoolExecutor:
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    return ProcessPoolExecutor(workers, mp_context=context, initializer=begin, initargs=(job, threads))
