"""Folds run by several processes, one for each; one that is killed takes no other with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from sssd_registry.backtesting.folds import Fold
from sssd_registry.backtesting.plan import Plan
from sssd_registry.backtesting.run_fold import Done, run_fold
from sssd_registry.errors import SSSDError

_KILLED = "its process was killed, by a lack of memory perhaps: ask for fewer --jobs"


def run_folds(plan: Plan, folds: Sequence[Fold], out: Path, jobs: int) -> Iterator[Done]:
    """Run folds, at most ``jobs`` at a time; gives each outcome when it is there.

    A fold that cannot be run is an outcome, too. Where the caller stops, by Ctrl-C for one, so do the processes.
    """
    if jobs == 1 or len(folds) == 1:
        yield from (_outcome(plan, fold, out) for fold in folds)
        return
    context = multiprocessing.get_context("spawn")  # a forked torch may hang
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    left, running = list(folds), dict[Connection, tuple[Fold, SpawnProcess]]()
    try:
        while left or running:
            while left and len(running) < jobs:
                fold, (here, there) = left.pop(0), context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(plan, fold, out, there, threads), daemon=True)
                process.start()
                there.close()  # the process has its own: where it ends without a word, this end is told
                running[here] = fold, process
            for end in wait(list(running)):
                assert isinstance(end, Connection)
                fold, process = running.pop(end)
                try:
                    done: Done | None = end.recv()
                except EOFError:
                    done = None
                process.join()
                killed = process.exitcode is not None and process.exitcode < 0
                yield done or Done(fold.number, error=_KILLED if killed else "its process failed, as told above")
    finally:
        for _, process in running.values():
            process.terminate()


def _outcome(plan: Plan, fold: Fold, out: Path) -> Done:
    try:
        return run_fold(plan, fold, out)
    except SSSDError as error:
        return Done(fold.number, error=str(error))


def _work(plan: Plan, fold: Fold, out: Path, end: Connection, threads: int) -> None:
    """Run a fold in this process, which takes so many threads. Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    with suppress(KeyboardInterrupt):  # a training takes Ctrl-C for its own, and leaves a checkpoint
        end.send(_outcome(plan, fold, out))
    end.close()


def _end_with_parent() -> None:
    """Wait for the parent's end: one that is killed cannot tell its processes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
