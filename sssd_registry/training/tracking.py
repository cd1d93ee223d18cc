"""Experiment trackers of a training: what they are told, and that none of them can end it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sssd_registry.config import Config
from sssd_registry.errors import SSSDError, TrackerWarning
from sssd_registry.options import build_options, split_options
from sssd_registry.plugin_api.discovery import one_line
from sssd_registry.plugin_api.hookspecs import TrackedRun, TrackerSpec
from sssd_registry.plugin_api.registry import registry
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.state import Run


def find_trackers(names: Sequence[str]) -> list[tuple[TrackerSpec, Any]]:
    """Find the trackers that ``training.trackers`` names, with their options.

    Raises:
        SSSDError: unknown name or option, or one that cannot be used here.
    """
    found = []
    for text in names:
        name, values = split_options(text)
        spec = registry().trackers[name]
        found.append((spec, build_options("tracker", name, spec.options, values)))
    return found


@contextmanager
def followed(run: Run, config: Config, out: Path) -> Iterator[Callable[[Progress, float], None]]:
    """Start the configuration's trackers; gives what to call after every step. They are finished whatever happens.

    Of several processes, the first one's alone are told. What trackers write lies beside the model, in ``out`` +
    ``.logs``.

    Raises:
        SSSDError: a tracker cannot be started.
    """
    found = find_trackers(config.training.trackers) if run.processes.first else []
    place = TrackedRun(out.name, out.resolve().with_name(f"{out.resolve().name}.logs"))
    trackers: list[_Tracker] = []
    try:
        for spec, options in found:
            trackers.append(_started(spec, options, place, settings_of(config)))

        def tell(progress: Progress, loss: float) -> None:
            for tracker in trackers:
                tracker.log(values_of(run, progress, loss), progress.step)

        yield tell
    finally:
        for tracker in trackers:
            tracker.finish()


def values_of(run: Run, progress: Progress, loss: float) -> dict[str, float]:
    """Name the numbers of a step: its loss, the learning rate, and the score of a validation that came after it.

    The score is the mean of CRPS and energy score, in standard units; what is not finite is left out.
    """
    values = {"train/loss": loss, "train/learning_rate": float(run.lr_schedule.get_last_lr()[0])}
    if progress.history and progress.history[-1][0] == progress.step:
        values["validation/score"] = progress.history[-1][1]
    return {name: value for name, value in values.items() if math.isfinite(value)}


def settings_of(config: Config) -> dict[str, bool | int | float | str]:
    """Flatten the configuration, ``section.key``; lists and tables are written out, and what is not set is left out."""
    flat = {f"{section}.{key}": value for section, part in config.model_dump().items() for key, value in part.items()}
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in flat.items()
        if value is not None
    }


def told_both(
    first: Callable[[Progress, float], None], second: Callable[[Progress, float], None] | None
) -> Callable[[Progress, float], None]:
    """Join two that are told of every step, the second where there is one."""

    def tell(progress: Progress, loss: float) -> None:
        first(progress, loss)
        if second is not None:
            second(progress, loss)

    return tell


class _Tracker:
    """A tracker that is let go when it fails: a service that is down must not cost a training."""

    def __init__(self, name: str, tracker: Any) -> None:
        self.name, self.tracker, self.failed = name, tracker, False

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._try(lambda: self.tracker.log(dict(values), step=step))

    def finish(self) -> None:
        self._try(self.tracker.finish)

    def _try(self, action: Callable[[], Any]) -> None:
        if self.failed:
            return
        try:
            action()
        except Exception as error:  # whatever a service or its client raises
            self.failed = True
            said = f"tracker {self.name!r} failed, and follows this training no more: {one_line(error)}"
            warnings.warn(said, TrackerWarning, stacklevel=3)


def _started(spec: TrackerSpec, options: Any, run: TrackedRun, settings: dict[str, Any]) -> _Tracker:
    try:
        tracker = spec.factory(run, options)
        tracker.start()
        tracker.store_init_configuration(settings)
    except Exception as error:  # as above; nothing is lost yet, and the user asked for it
        remedy = "mend it, or leave it out of training.trackers"
        raise SSSDError(f"tracker {spec.name!r} cannot be started: {one_line(error)}; {remedy}") from error
    return _Tracker(spec.name, tracker)
