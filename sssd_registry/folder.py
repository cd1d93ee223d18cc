"""The model folder: everything from a raw frame to a forecast, as safetensors and JSON.

model_index.json                   what a diffusers user expects to find; marks the folder as ours
config.json                        data specification, configuration, training record
model.safetensors                  weights
examples.safetensors               a few raw windows, for tracing and parity checks
scheduler/scheduler_config.json    the scheduler it was saved with
sampling.json                      default scheduler and steps, tuned solvers; only once any was set
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from sssd_registry import __version__
from sssd_registry.atomic import atomic_directory
from sssd_registry.config import Config
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.distilled import Distilled
from sssd_registry.errors import SSSDError, near_matches
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.preset import Preset, read_preset, write_preset
from sssd_registry.schedulers import make_scheduler

MARKER = "model_index.json"
FORMAT = 3

_REMEDY = "copy the whole model folder again, or train anew"

T = TypeVar("T")


class TrainingRecord(BaseModel):
    """What training left to know. Times are seconds since 1970 UTC; ``distilled`` is set where it was distilled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Config
    steps: int
    best_step: int
    validation_crps: float
    validation_start: int
    test_start: int
    random_walk_window: int
    distilled: Distilled | None = None

    @property
    def network_in_use(self) -> bool:
        """Whether some step was surely better than where training began; if none was, that is what is forecast."""
        return self.best_step > 0


class _Stored(BaseModel):
    """``config.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    version: str
    spec: DataSpec
    record: TrainingRecord


class _Index(BaseModel):
    """``model_index.json``: the class of each part and the library it comes from, as diffusers has it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    class_name: Literal["SSSDPipeline"] = Field(alias="_class_name")
    scheduler: tuple[str, str]


@dataclass(frozen=True)
class ModelFolder:
    """The contents of a model folder."""

    network: SSSDNetwork
    scheduler: Any
    record: TrainingRecord | None
    examples: Windows | None
    preset: Preset = field(default_factory=Preset)


def write_model_folder(folder: ModelFolder, path: Path) -> None:
    """Write ``path``, complete or not at all; an earlier model in it is replaced.

    Raises:
        SSSDError: there is no training record, or the folder cannot be written or holds something else.
    """
    if folder.record is None or folder.examples is None:
        raise SSSDError("this pipeline was not trained: there is no training record to save with it")
    stored = _Stored(format=FORMAT, version=__version__, spec=folder.network.spec, record=folder.record)
    with atomic_directory(path, owner=MARKER) as new:
        weights = {name: tensor.contiguous() for name, tensor in folder.network.state_dict().items()}
        save_file(weights, new / "model.safetensors")
        save_arrays(_windows_to_arrays(folder.examples), new / "examples.safetensors")
        (new / "config.json").write_text(stored.model_dump_json(indent=1))
        library = _save_scheduler(folder, new)
        if folder.preset != Preset():
            write_preset(new, folder.preset)
        (new / MARKER).write_text(json.dumps(_index(folder, library), indent=1))


def _index(folder: ModelFolder, library: str) -> dict[str, Any]:
    return {
        "_class_name": "SSSDPipeline",
        "_library": "sssd_registry",
        "model": ["sssd_registry", type(folder.network).__name__],
        "scheduler": [library, type(folder.scheduler).__name__],
    }


def _save_scheduler(folder: ModelFolder, path: Path) -> str:
    """A diffusers scheduler is saved as diffusers does; a plugin's own class by the name it was asked for."""
    from diffusers import SchedulerMixin

    scheduler, record = folder.scheduler, folder.record
    if isinstance(scheduler, SchedulerMixin) and type(scheduler).__module__.startswith("diffusers."):
        scheduler.save_pretrained(path / "scheduler")
        return "diffusers"
    name = folder.preset.scheduler or (record.config.training.scheduler if record else None)
    default = folder.preset.make_scheduler(name, folder.network.schedule) if name else None
    if type(scheduler) is not type(default):
        raise SSSDError(
            f"a scheduler of class {type(scheduler).__module__}.{type(scheduler).__name__} cannot be saved:"
            " assign a diffusers scheduler first, and pick this one when forecasting"
        )
    return type(scheduler).__module__.split(".")[0]


def read_model_folder(path: Path, scheduler: str | None = None) -> ModelFolder:
    """Read a model folder; nothing in it is executed, unpickled or imported by name.

    Args:
        path: the folder.
        scheduler: the name of one to use in place of the model's own.

    Raises:
        SSSDError: a file is missing, cut off, or not what it should be; or no such scheduler.
    """
    if not (path / MARKER).is_file():
        reason = "no such folder" if not path.exists() else f"it has no {MARKER}"
        raise SSSDError(f"{path} is not a model folder: {reason}")
    index = _read(path / MARKER, lambda file: _Index.model_validate_json(file.read_text()))
    stored = _read(path / "config.json", lambda file: _Stored.model_validate_json(file.read_text()))
    if stored.format != FORMAT:
        raise SSSDError(f"{path}/config.json has format {stored.format}; this version reads format {FORMAT}")
    network = SSSDNetwork(stored.spec, stored.record.config.model)
    weights = _read(path / "model.safetensors", load_file)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise SSSDError(f"{path}/model.safetensors does not fit its config.json ({reason[:300]}): {_REMEDY}") from None
    examples = _windows_from_arrays(_read(path / "examples.safetensors", load_arrays))
    preset = read_preset(path)
    name = scheduler or preset.scheduler
    made = preset.make_scheduler(name, network.schedule) if name else _load_scheduler(path, index, stored, network)
    return ModelFolder(network, made, stored.record, examples, preset)


def _load_scheduler(path: Path, index: _Index, stored: _Stored, network: SSSDNetwork) -> Any:
    file = path / "scheduler" / "scheduler_config.json"
    if index.scheduler[0] != "diffusers":
        return make_scheduler(stored.record.config.training.scheduler, network.schedule)
    config = _read(file, lambda source: json.loads(source.read_text()))
    return _diffusers_class(config.get("_class_name"), file).from_config(config)


def _diffusers_class(name: Any, file: Path) -> Any:
    """A scheduler class of diffusers by name: one of those it exports, nothing else."""
    import diffusers

    # diffusers stands placeholders in for classes whose dependencies are missing: no SchedulerMixin.
    names = [known for known in dir(diffusers) if known.endswith("Scheduler")]
    found = getattr(diffusers, name) if name in names else None
    if not isinstance(found, type) or not issubclass(found, diffusers.SchedulerMixin):
        raise SSSDError(f"{file}: {name!r} is not a diffusers scheduler: {near_matches(str(name), names)}")
    return found


def _read(file: Path, reader: Callable[[Path], T]) -> T:
    try:
        return reader(file)
    except FileNotFoundError:
        raise SSSDError(f"{file} is missing: {_REMEDY}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SSSDError(f"{file} is damaged ({where}: {first['msg']}): {_REMEDY}") from None
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise SSSDError(f"{file} is cut off or damaged ({error}): {_REMEDY}") from None


def _windows_to_arrays(windows: Windows) -> dict[str, np.ndarray[Any, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {f"values.{name}": array for name, array in windows.values.items()}
    arrays |= {f"times.{name}": array for name, array in windows.times.items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _windows_from_arrays(arrays: dict[str, Any]) -> Windows:
    parts: dict[str, dict[str, Any]] = {"values": {}, "times": {}}
    for key, array in arrays.items():
        kind, _, name = key.partition(".")
        parts[kind][name] = array
    count = len(next(iter(parts["values"].values())))
    return Windows(parts["values"], parts["times"], np.full(count, "", dtype=object))
