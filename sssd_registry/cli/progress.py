"""Progress bars, on standard error and for people only: standard output stays what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from sssd_registry.hookspecs import Report
    from sssd_registry.training.checkpoint import Progress


@contextmanager
def evaluation_bar() -> Iterator[Callable[[int, int], None]]:
    """Give a function to be told windows done and windows in all."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    with _bar(TextColumn("forecasting"), BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


@contextmanager
def training_bar(total: int) -> Iterator[Callable[[Progress, float], None]]:
    """Give a function to be told progress and loss; shows rate, time left, smoothed loss and best CRPS."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    text = "{task.fields[rate]:.1f} steps/s  loss {task.fields[loss]:.3f}  best CRPS {task.fields[best]:.4f}"
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn(text),
    )
    smooth: float | None = None
    with _bar(*columns) as bar:
        task = bar.add_task("", total=total, loss=float("nan"), best=float("nan"), rate=0.0)

        def report(progress: Progress, loss: float) -> None:
            nonlocal smooth
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            rate = bar.tasks[0].speed or 0.0
            bar.update(task, completed=progress.step, loss=smooth, best=progress.best_crps, rate=rate)

        yield report


@contextmanager
def comparison_bar(doing: str = "comparing") -> Iterator[Report]:
    """Give a function to be told rows or steps done, how many in all, and what is next; shows the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[now]}"))
    with _bar(TextColumn(doing), *columns) as bar:
        task = bar.add_task("", total=None, now="")

        def report(done: int, total: int, now: str) -> None:
            bar.update(task, completed=done, total=total, now=now)

        yield report


@contextmanager
def tuning_bar() -> Iterator[Callable[[int, float], None]]:
    """Give a function to be told solvers tried and the least distance so far."""
    from rich.progress import TextColumn, TimeElapsedColumn

    text = "{task.completed} solvers tried, {task.fields[rate]:.0f} a second, least distance {task.fields[best]:.5f}"
    with _bar(TextColumn("tuning"), TimeElapsedColumn(), TextColumn(text)) as bar:
        task = bar.add_task("", total=None, best=float("nan"), rate=0.0)

        def report(done: int, best: float) -> None:
            bar.update(task, completed=done, best=best, rate=bar.tasks[0].speed or 0.0)

        yield report


def _bar(*columns: Any) -> Bar:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
