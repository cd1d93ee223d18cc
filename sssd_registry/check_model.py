"""Putting a model folder to the test before anybody forecasts with it, and signing it after a change by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sssd_registry.data.durations import format_duration
from sssd_registry.errors import SSSDError
from sssd_registry.files.json_file import read_json
from sssd_registry.storage.index import MARKER, REMEDY, SCHEDULER, read_index, write_index
from sssd_registry.storage.model_folder import ModelFolder, read_model_folder


def try_model(path: Path) -> str:
    """Read the folder, forecast the windows kept in it, and say in one line what it is.

    Raises:
        SSSDError: a file is missing, damaged or changed, or the forecasts are not finite.
    """
    return _tried(read_model_folder(path))


def sign_model(path: Path) -> str:
    """The same, whatever the hashes say; then record those of the files that are there.

    Raises:
        SSSDError: a file is missing or damaged, the folder cannot be written, or the forecasts are not finite.
    """
    read_index(path, trust=True)
    text = _tried(read_model_folder(path, trust=True))
    entries = read_json(path / MARKER, REMEDY)
    if (path / SCHEDULER).is_file() and entries["scheduler"][0] == "diffusers":
        entries["scheduler"] = ["diffusers", read_json(path / SCHEDULER, REMEDY, infinite=True)["_class_name"]]
    write_index(path, entries)
    return text


def _tried(folder: ModelFolder) -> str:
    from sssd_registry.model_pipeline import ModelPipeline

    record, examples, spec = folder.record, folder.examples, folder.network.spec
    if record is None or examples is None:
        raise SSSDError("a model without a training record or example windows cannot be tried")
    pipeline = ModelPipeline(folder.network, folder.scheduler, record, examples, folder.sampling_defaults)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(examples, num_samples=10, generator=0)  # a forecast's samples are finite
    if not np.ptp(made.samples, axis=1).any():
        raise SSSDError("every sample of its forecasts is the same: the model has no spread")
    horizons = ", ".join(map(str, spec.horizons[:8])) + (", …" if len(spec.horizons) > 8 else "")
    return (
        f"forecasts {', '.join(spec.targets)[:200]} {horizons} bars of {format_duration(spec.bar_seconds)} ahead, by"
        f" head {record.config.model.head} and {type(folder.scheduler).__name__} in"
        f" {folder.sampling_defaults.steps} steps; {len(examples)} windows tried"
    )
