"""Opening a model folder or an engine folder as a forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sssd_registry.data.bounds import check_spec
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError, UnknownNameError
from sssd_registry.files.folder_kinds import ENGINE, MODEL
from sssd_registry.files.json_file import read_json
from sssd_registry.files.opening import opened
from sssd_registry.forecast import Forecast
from sssd_registry.forecaster import Forecaster, GivenForecaster
from sssd_registry.options import split_options
from sssd_registry.plugin_api.check_spec import TUNED
from sssd_registry.plugin_api.given_head import Head
from sssd_registry.plugin_api.registry import registry
from sssd_registry.storage.index import CONFIG, own_file

if TYPE_CHECKING:
    from sssd_registry.model_pipeline import ModelPipeline

# Seconds since 1970 beyond which a time is no time but damage.
_LATEST = 2**38


@dataclass(frozen=True)
class ModelForecaster:
    """A pipeline with its scheduler and number of steps settled."""

    pipeline: ModelPipeline
    steps: int
    test_start: int
    random_walk_window: int
    num_samples: int = 100

    @property
    def spec(self) -> DataSpec:
        return self.pipeline.spec

    def __call__(
        self, windows: Windows, *, horizons: Sequence[float | str] | None, num_samples: int, seed: int
    ) -> Forecast:
        return self.pipeline(
            windows,
            horizons=horizons,
            num_inference_steps=self.steps,
            num_samples=num_samples,
            generator=seed,
        )


def open_forecaster(
    path: str | Path, scheduler: str | None = None, steps: int | None = None, *, head: Head | None = None
) -> Forecaster:
    """Open a model folder or an engine folder; the latter without torch.

    Args:
        path: the folder.
        scheduler, steps: in place of a model's own.
        head: a model's, where it was given from Python; an engine has its own compiled in.

    Raises:
        SSSDError: neither, damaged, a scheduler or steps asked of an engine, which has them built in, or a model's head
            was given from Python and is not given here.
    """
    with opened(Path(path), MODEL) as place:
        return _open(place, scheduler, steps, head)


def open_given(path: str | Path) -> GivenForecaster:
    """Open a model folder or an engine folder to forecast given a part of the future.

    Raises:
        SSSDError: as for :func:`open_forecaster`, or an engine of a target that cannot.
    """
    made = open_forecaster(path)
    if isinstance(made, ModelForecaster):
        made.pipeline.set_progress_bar_config(disable=True)
        return made.pipeline
    if not isinstance(made, GivenForecaster):
        raise SSSDError(f"{path} is an engine of a target that can be given nothing of the future: use its model")
    return made


def read_spec(path: Path) -> DataSpec | None:
    """Read how to read a frame for a model or engine, without torch; None where opening it will say what is wrong."""
    with opened(path, MODEL) as place:
        for name in (ENGINE.marker, CONFIG):
            with suppress(ValueError, KeyError):  # SSSDErrors are ValueErrors
                spec = DataSpec.model_validate(read_json(own_file(place, name), "")["spec"])
                check_spec(spec)
                return spec
    return None


def read_split(path: Path) -> tuple[int, int] | None:
    """Read when a model's validation and test parts began, in seconds since 1970 UTC; None where that is not kept."""
    with opened(path, MODEL) as place, suppress(ValueError, KeyError, TypeError, OverflowError):
        record = read_json(own_file(place, CONFIG), "")["record"]
        split = int(record["validation_start"]), int(record["test_start"])
        return split if max(map(abs, split)) < _LATEST else None
    return None


def _open(path: Path, scheduler: str | None, steps: int | None, head: Head | None) -> Forecaster:
    manifest = path / ENGINE.marker
    if not manifest.is_file():
        return _open_model(path, scheduler, steps, head)
    if scheduler is not None or steps is not None:
        raise SSSDError(
            f"{path} is an engine: its scheduler and steps are compiled in; export another with sssd-export build"
        )
    target = str(read_json(manifest, "export anew").get("target"))
    try:
        load = registry().targets[target].load
    except UnknownNameError as error:
        raise UnknownNameError(f"{manifest} is for a target that is not installed, or is damaged: {error}") from None
    return load(path)


def _open_model(path: Path, scheduler: str | None, steps: int | None, head: Head | None) -> ModelForecaster:
    if scheduler is not None:
        check_scheduler_name(scheduler)  # before torch is imported
    if not (path / MODEL.marker).is_file():
        reason = "there is no such folder" if not path.exists() else f"no {MODEL.marker} or {ENGINE.marker} in it"
        raise SSSDError(f"{path} is neither a model nor an engine folder: {reason}")
    from sssd_registry.model_pipeline import ModelPipeline

    pipeline = ModelPipeline.from_pretrained(path, scheduler=scheduler, head=head)
    pipeline.set_progress_bar_config(disable=None)  # none in a log: tqdm's None asks whether there is a terminal
    record = pipeline.record
    if record is None:
        raise SSSDError(f"{path} has no training record")
    steps = steps or pipeline.sampling_defaults.steps_for(scheduler)
    return ModelForecaster(pipeline, steps, record.test_start, record.random_walk_window)


def check_scheduler_name(text: str) -> None:
    """Raise now what opening a model with ``--scheduler text`` would raise after seconds of importing.

    Raises:
        SSSDError: no such scheduler, or it cannot be used here.
    """
    name, _ = split_options(text)
    if name != TUNED:
        registry().schedulers[name]
