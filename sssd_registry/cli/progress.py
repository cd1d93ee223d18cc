"""Progress of long work, on standard error: a bar where people look, a line now and then where nobody does.

Standard output stays what was asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sssd_registry.plugin_api.hookspecs import Report
    from sssd_registry.training.checkpoint import Progress

# Seconds: the first line tells soon whether it goes on at all, later ones that it still does.
_FIRST_LINE, _NEXT_LINES = 10.0, 60.0


@contextmanager
def evaluation_bar() -> Iterator[Callable[[int, int], None]]:
    """Give a function to be told windows done and windows in all."""
    with _progress("forecasting", "windows") as show:
        show(0, None, "")  # the rate counts from here: the first windows take as long as others
        yield lambda done, total: show(done, total, "")


@contextmanager
def training_bar(total: int) -> Iterator[Callable[[Progress, float], None]]:
    """Give a function to be told progress and loss; shows the smoothed loss, and how validation has gone so far."""
    smooth: float | None = None
    with _progress("training", "steps") as show:

        def report(progress: Progress, loss: float) -> None:
            nonlocal smooth
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            show(progress.step, total, f"loss {smooth:.3f}{_against_start(progress)}")

        yield report


def fitting_lines() -> Callable[[int, int, str], None]:
    """Return a function to be told steps of the direct path's fit, which goes before the bar of the training."""
    return _lines("fitting the direct path", "steps")


@contextmanager
def comparison_bar(doing: str = "comparing") -> Iterator[Report]:
    """Give a function to be told rows or steps done, how many in all, and what is next."""
    with _progress(doing, "") as show:
        yield show


@contextmanager
def parts_bar() -> Iterator[Report]:
    """Give a function to be told parts done, parts in all, and a word on them."""
    with _progress("forecasting", "parts") as show:
        show(0, None, "")
        yield show


@contextmanager
def tuning_bar() -> Iterator[Callable[[int, float], None]]:
    """Give a function to be told solvers tried and the least distance so far."""
    with _progress("tuning", "solvers") as show:
        yield lambda done, best: show(done, None, f"least distance {best:.5f}")


def _against_start(progress: Progress) -> str:
    """The best validation as a share of what training began with: below 100 % the network is of use."""
    if not progress.history or progress.history[0][1] <= 0:
        return ""
    return f", validation score {progress.best_score / progress.history[0][1]:.1%} of the start's"


@contextmanager
def _progress(doing: str, unit: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """Give a function to be told what is done, of how much if that is known, and a text to show beside it."""
    if not sys.stderr.isatty():
        yield _lines(doing, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[now]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, now="")

        def show(done: int, total: int | None, now: str) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.3g} {unit}/s  " if unit and speed else ""
            bar.update(task, completed=done, total=total, now=rate + now)

        yield show


def _lines(doing: str, unit: str) -> Callable[[int, int | None, str], None]:
    """Prints a line every so often, with the rate since the beginning and the time left."""
    began = time.monotonic()
    first: int | None = None
    due = began + _FIRST_LINE

    def show(done: int, total: int | None, now: str) -> None:
        nonlocal first, due
        first = done if first is None else first
        clock = time.monotonic()
        if clock < due:
            return
        due = clock + _NEXT_LINES
        rate = (done - first) / (clock - began)
        of = "" if total is None else f" of {total}"
        left = f", {_duration((total - done) / rate)} left" if total is not None and rate > 0 else ""
        pace = f", {rate:.3g} {unit}/s" if unit and rate > 0 else ""
        print(f"{doing}: {done}{of}{pace}{left}{', ' if now else ''}{now}", file=sys.stderr, flush=True)

    return show


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
