"""First-party experiment trackers: a file, and accelerate's own for three services."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sssd_registry.plugin_api.hookspecs import TrackedRun, TrackerSpec, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class FolderOptions:
    """Folder of the runs, each by the name of its model; default: beside the model."""

    folder: str = ""


@dataclass(frozen=True)
class MLflowOptions:
    """Experiment, and where it is kept; default: what MLflow's own environment variables say."""

    experiment: str = "sssd-registry"
    tracking_uri: str = ""


@dataclass(frozen=True)
class WandBOptions:
    """Project, and whether it is sent now; ``offline`` keeps it beside the model."""

    project: str = "sssd-registry"
    mode: Literal["online", "offline"] = "online"


def make_jsonl(run: TrackedRun, options: FolderOptions) -> Any:
    from sssd_trackers.jsonl import JsonLines

    return JsonLines(Path(options.folder or run.folder) / f"{run.name}.jsonl")


def make_tensorboard(run: TrackedRun, options: FolderOptions) -> Any:
    from accelerate.tracking import TensorBoardTracker

    return TensorBoardTracker(run.name, options.folder or run.folder)


def make_mlflow(run: TrackedRun, options: MLflowOptions) -> Any:
    import mlflow
    from accelerate.tracking import MLflowTracker

    if options.tracking_uri:
        mlflow.set_tracking_uri(options.tracking_uri)
    return MLflowTracker(options.experiment, run_name=run.name)


def make_wandb(run: TrackedRun, options: WandBOptions) -> Any:
    from accelerate.tracking import WandBTracker

    run.folder.mkdir(parents=True, exist_ok=True)
    return WandBTracker(options.project, name=run.name, dir=str(run.folder), mode=options.mode)


def _needs(package: str) -> Callable[[], str]:
    def unavailable() -> str:
        missing = importlib.util.find_spec(package) is None
        return "not installed: pip install 'sssd-registry[track]'" if missing else ""

    return unavailable


@hookimpl
def register_trackers() -> list[TrackerSpec]:
    return [
        TrackerSpec("jsonl", "a line of JSON for every step, in a file beside the model", make_jsonl, FolderOptions),
        TrackerSpec(
            "tensorboard", "TensorBoard, in a folder beside the model", make_tensorboard, FolderOptions,
            _needs("tensorboard"),
        ),
        TrackerSpec("mlflow", "MLflow, in a folder or on a server", make_mlflow, MLflowOptions, _needs("mlflow")),
        TrackerSpec("wandb", "Weights & Biases", make_wandb, WandBOptions, _needs("wandb")),
    ]  # fmt: skip
