"""The model folder: everything from a raw frame to a forecast, as safetensors and JSON.

model_index.json                   what a diffusers user expects to find, and the hashes of all the others
config.json                        data specification, configuration, training record
model.safetensors                  weights
examples.safetensors               a few raw windows, for tracing and parity checks
scheduler/scheduler_config.json    the scheduler it was saved with
sampling.json                      default scheduler and steps, tuned solvers; only once any was set
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from sssd_registry.config import Config
from sssd_registry.data.bounds import MAX_LOOKBACK, check_spec
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.files.folder_kinds import MODEL
from sssd_registry.files.json_file import read_json, validated
from sssd_registry.files.opening import opened
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.plugin_api.given_head import Head, head_spec, is_given, reopen, with_head
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.storage.calibrated import Calibrated
from sssd_registry.storage.distilled import Distilled
from sssd_registry.storage.head_probe import HeadProbe, check_probe, probe_head
from sssd_registry.storage.index import (
    CONFIG,
    EXAMPLES,
    REMEDY,
    SCHEDULER,
    WEIGHTS,
    Index,
    check_files,
    check_hashed,
    own_file,
    read_index,
    write_index,
)
from sssd_registry.storage.sampling_defaults import SamplingDefaults, read_sampling_defaults, write_sampling_defaults
from sssd_registry.storage.saved_scheduler import read_scheduler, read_scheduler_config, save_scheduler
from sssd_registry.storage.validation_paths import ValidationPaths
from sssd_registry.storage.weights import check_numbers, read_examples, read_header, read_network, windows_to_arrays
from sssd_registry.version import __version__

# 3: units with a floor, a location for every horizon, hashes in the index.
# 4: joint paths: a correlation, latents of whole paths.
FORMAT = 4

# Seconds since 1970 UTC, as far as the calendar of the data goes.
_Time = Annotated[int, Field(ge=-(2**62), lt=2**62)]
_Score = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, lt=2**62)]


class TrainingRecord(BaseModel):
    """Record of a training. Times are seconds since 1970 UTC.

    Attributes:
        validation_crps: of the weights, in data units over each target's typical standard unit.
        validation_energy: energy score in the same units, over the root of how many numbers a path has.
        validation_gains: by score, what the best weights gained over the start, and how surely, in words.
        validation_scores: CRPS in data units, by forecaster (``model`` and two naive ones) and target.
        validation_paths: scores of the paths themselves, in data units.
        calibration: what intervals covered, set where they were calibrated.
        bounds: by target with a bound, how often forecasts and what came to be lie on it, in words.
        distilled: set where it was distilled.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Config
    steps: _Count
    best_step: _Count
    validation_crps: _Score
    validation_energy: _Score
    validation_gains: dict[str, str] = Field(default_factory=dict)
    validation_scores: dict[str, dict[str, _Score]] = Field(default_factory=dict)
    validation_paths: ValidationPaths | None = None
    validation_start: _Time
    test_start: _Time
    random_walk_window: int = Field(ge=0, le=MAX_LOOKBACK)
    calibration: Calibrated | None = None
    bounds: dict[str, str] = Field(default_factory=dict)
    distilled: Distilled | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.best_step > self.steps or self.validation_start > self.test_start:
            raise ValueError("the best step comes before the last, and validation before the test")
        return self

    @property
    def network_in_use(self) -> bool:
        """Tell whether some step was surely better than where training began; if none was, that is what is forecast."""
        return self.best_step > 0


class _Stored(BaseModel):
    """``config.json``; ``head_probe`` only where the head was given from Python."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    version: str
    spec: DataSpec
    record: TrainingRecord
    head_probe: HeadProbe | None = None


@dataclass(frozen=True)
class ModelFolder:
    """The contents of a model folder."""

    network: SSSDNetwork
    scheduler: Any
    record: TrainingRecord | None
    examples: Windows | None
    sampling_defaults: SamplingDefaults = field(default_factory=SamplingDefaults)


def write_model_folder(folder: ModelFolder, path: Path) -> None:
    """Write ``path``, complete or not at all; an earlier model in it is replaced.

    Raises:
        SSSDError: there is no training record, weights are not finite, the scheduler samples another process, or the
            folder cannot be written or holds something else.
    """
    if folder.record is None or folder.examples is None:
        raise SSSDError("this pipeline was not trained: there is no training record to save with it")
    given = is_given(folder.network.config.head)
    stored = _Stored(
        format=FORMAT, version=__version__, spec=folder.network.spec, record=folder.record,
        head_probe=probe_head(folder.network) if given else None,
    )  # fmt: skip
    with atomic_directory(path, owner=MODEL) as new:
        # safetensors refuses tensors that share memory, as tied weights do.
        weights = {name: tensor.contiguous().clone() for name, tensor in folder.network.state_dict().items()}
        check_numbers(weights, {name for name, _ in folder.network.named_parameters()}, "the network to be saved")
        save_file(weights, new / WEIGHTS)
        save_arrays(windows_to_arrays(folder.examples), new / EXAMPLES)
        beside = set() if given else {"head_probe"}
        (new / CONFIG).write_text(stored.model_dump_json(indent=1, exclude=beside), encoding="utf-8")
        library = save_scheduler(folder.scheduler, _default_scheduler(folder), folder.network.schedule, new)
        if folder.sampling_defaults != SamplingDefaults():
            write_sampling_defaults(new, folder.sampling_defaults)
        write_index(new, _index(folder, library))


def _index(folder: ModelFolder, library: str) -> dict[str, Any]:
    return {
        "_class_name": "SSSDPipeline",
        "_library": "sssd_registry",
        "model": ["sssd_registry", type(folder.network).__name__],
        "scheduler": [library, type(folder.scheduler).__name__],
    }


def _default_scheduler(folder: ModelFolder) -> Any:
    """Make the scheduler that a reader of the folder would make, where the scheduler itself cannot be saved."""
    name = folder.sampling_defaults.scheduler or (folder.record.config.training.scheduler if folder.record else None)
    return folder.sampling_defaults.make_scheduler(name, folder.network.schedule) if name else None


def read_model_folder(
    path: Path, scheduler: Any = None, head: Head | None = None, *, trust: bool = False
) -> ModelFolder:
    """Read a model folder; nothing in it is executed, unpickled or imported by name.

    What is read first is small and checked field by field. Then every file is compared with its hash, and only then
    is anything built, and nothing that is larger than the weights in the folder.

    Args:
        path: the folder.
        scheduler: one to use in place of the model's own, by name or as an object.
        head: what makes the head in place of the model's own; the weights have to fit it.
        trust: leave the hashes out: somebody is about to sign what is there.

    Raises:
        SSSDError: a file is missing, cut off, changed, or not what it should be; or no such scheduler; or the head was
            given from Python, and is not given here, or computes something else than when the model was saved.
    """
    with opened(path, MODEL) as place:
        return _read_still(place, scheduler, None if head is None else head_spec(head), trust)


def _read_still(path: Path, scheduler: Any, head: HeadSpec | None, trust: bool) -> ModelFolder:
    index = read_index(path, trust=trust)
    stored = _read_config(path, index, trust)
    sampling_defaults = read_sampling_defaults(path)
    wanted = sampling_defaults.scheduler if scheduler is None else scheduler
    own = wanted is None and index.scheduler[0] == "diffusers"
    config = read_scheduler_config(own_file(path, SCHEDULER)) if own else None
    for name in (WEIGHTS, EXAMPLES):
        read_header(own_file(path, name))
    if not trust:
        check_files(path, index)
    if head is None and is_given(stored.record.config.model.head):
        raise SSSDError(reopen(path, stored.record.config.model.head))
    record = stored.record.model_copy(update={"config": with_head(stored.record.config, head)})
    network = read_network(stored.spec, record.config.model, path / WEIGHTS, head)
    if stored.head_probe is not None:
        check_probe(network, stored.head_probe, path)
    examples = read_examples(own_file(path, EXAMPLES), stored.spec)
    if config is not None:
        made = read_scheduler(config, network.schedule, path / SCHEDULER)
    else:
        wanted = record.config.training.scheduler if wanted is None else wanted
        made = sampling_defaults.make_scheduler(wanted, network.schedule) if isinstance(wanted, str) else wanted
    return ModelFolder(network, made, record, examples, sampling_defaults)


def read_head_name(path: Path) -> str:
    """Read ``model.head`` of a model's configuration.

    Raises:
        SSSDError: no model folder, or one that is damaged.
    """
    with opened(path, MODEL) as place:
        return _read_config(place, read_index(place), trust=False).record.config.model.head


def _read_config(path: Path, index: Index, trust: bool) -> _Stored:
    file = own_file(path, CONFIG)
    tree = read_json(file, REMEDY)
    if tree.get("format") != FORMAT:
        raise SSSDError(
            f"{file} has format {tree.get('format')!r:.50}; this version reads format {FORMAT}: train the model anew"
            " (sssd train), with the settings under record.config in that file"
        )
    stored = validated(_Stored, tree, file, REMEDY)
    if not trust:
        check_hashed(path, index)
    try:
        check_spec(stored.spec)
    except SSSDError as error:
        raise SSSDError(f"{file} is damaged (spec: {error}): {REMEDY}") from None
    return stored
