"""A training run's state on disk: safetensors and JSON, so that resuming executes nothing from a file.

Each checkpoint replaces the one before it, complete or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from safetensors.torch import save_file
from torch import Tensor

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory
from sssd_registry.files.folder_kinds import CHECKPOINT
from sssd_registry.files.json_file import read_json, validated
from sssd_registry.files.opening import opened
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.storage.index import Digest, digest, own_file, sha256
from sssd_registry.storage.weights import load_tensors

MARKER = CHECKPOINT.marker
TENSORS = "state.safetensors"


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        fingerprint: of configuration and data; a resumed run has to have the same.
        step: optimiser steps done.
        best_score: lowest of validations, see ``ValidationScores.mean``.
        best_step: the step it was seen at.
        stale: validations since then.
        history: ``[step, score]`` of each validation.
    """

    fingerprint: str
    step: int = 0
    best_score: float = float("inf")
    best_step: int = 0
    stale: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)


class _Stored(BaseModel):
    """``progress.json``, with the hash of the file beside it and, last, of its own other entries.

    In ``history``, null is a validation that came to no number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    step: int = Field(ge=0, lt=2**62)
    best_score: float = Field(ge=0)
    best_step: int = Field(ge=0, lt=2**62)
    stale: int = Field(ge=0, lt=2**62)
    history: list[tuple[int, float | None]]
    files: dict[str, Digest]
    sha256: Digest

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.best_step > self.step or set(self.files) != {TENSORS}:
            raise ValueError("the best step comes before the last, and there is one file")
        return self

    def progress(self) -> Progress:
        history = [(step, math.nan if score is None else score) for step, score in self.history]
        return Progress(self.fingerprint, self.step, self.best_score, self.best_step, self.stale, history)


@dataclass
class RunState:
    """The tensors of a run: ``weights``, ``best`` (EMA), ``start``, ``ema`` and AdamW's moments, by parameter."""

    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    start: dict[str, Tensor]
    ema: list[Tensor]
    optimizer: dict[int, dict[str, Tensor]]


def save_checkpoint(path: Path, progress: Progress, state: RunState) -> None:
    """Write the checkpoint folder.

    Raises:
        SSSDError: it cannot be written, or holds something that is no checkpoint.
    """
    tensors = {f"weights/{name}": tensor for name, tensor in state.weights.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best.items()}
    tensors |= {f"start/{name}": tensor for name, tensor in state.start.items()}
    tensors |= {f"ema/{index}": tensor for index, tensor in enumerate(state.ema)}
    for index, slots in state.optimizer.items():
        tensors |= {f"optimizer/{index}/{slot}": tensor for slot, tensor in slots.items()}
    with atomic_directory(path, owner=CHECKPOINT) as new:
        # safetensors refuses tensors that share memory.
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
            new / TENSORS,
        )
        history = [(step, None if math.isnan(score) else score) for step, score in progress.history]
        entries = {**asdict(progress), "history": history, "files": {TENSORS: sha256(new / TENSORS)}}
        (new / MARKER).write_text(json.dumps(entries | {"sha256": digest(entries)}))


def load_checkpoint(path: Path, fingerprint: str) -> tuple[Progress, RunState]:
    """Read the checkpoint folder.

    Raises:
        SSSDError: there is none, it is damaged or was changed, or belongs to another configuration or other data.
    """
    with opened(path, CHECKPOINT) as place:
        return _load_still(place, path, fingerprint)


def _load_still(path: Path, named: Path, fingerprint: str) -> tuple[Progress, RunState]:
    remedy = "delete the checkpoint and train anew"
    if not (path / MARKER).is_file():
        raise SSSDError(f"nothing to resume: there is no checkpoint in {named}")
    entries = read_json(own_file(path, MARKER), remedy, infinite=True)
    stored = validated(_Stored, entries, path / MARKER, remedy)
    if stored.sha256 != digest({name: value for name, value in entries.items() if name != "sha256"}):
        raise SSSDError(f"{path / MARKER} was changed since it was written (its SHA-256 differs): {remedy}")
    if stored.fingerprint != fingerprint:
        raise SSSDError(
            f"the checkpoint in {path} belongs to another configuration or other data: resume with the same ones,"
            " or train anew into another folder"
        )
    file = own_file(path, TENSORS)
    if file.is_file() and sha256(file) != stored.files[TENSORS]:
        raise SSSDError(f"{file} was changed since it was written (its SHA-256 differs): {remedy}")
    return stored.progress(), _unflatten(load_tensors(file, remedy), file, remedy)


def _unflatten(tensors: dict[str, Tensor], file: Path, remedy: str) -> RunState:
    try:
        return _sorted(tensors)
    except ValueError:  # a part whose name has no number
        raise SSSDError(f"{file} does not hold a run's tensors: {remedy}") from None


def _sorted(tensors: dict[str, Tensor]) -> RunState:
    state = RunState({}, {}, {}, [], {})
    ema: dict[int, Tensor] = {}
    for key, tensor in tensors.items():
        kind, _, rest = key.partition("/")
        if kind == "weights":
            state.weights[rest] = tensor
        elif kind == "best":
            state.best[rest] = tensor
        elif kind == "start":
            state.start[rest] = tensor
        elif kind == "ema":
            ema[int(rest)] = tensor
        else:
            index, _, slot = rest.partition("/")
            state.optimizer.setdefault(int(index), {})[slot] = tensor
    state.ema = [ema[index] for index in sorted(ema)]
    return state


def check_fit(state: RunState, network: SSSDNetwork) -> None:
    """Compare the tensors of a checkpoint with the network that they are to go into.

    Raises:
        SSSDError: names the first that is missing, or has another shape.
    """
    wanted = _shapes(network.state_dict())
    parts = {"weights": (_shapes(state.weights), wanted)}
    for name, given in (("best", state.best), ("start", state.start)):
        if given:  # nothing was validated yet, or never to a number
            parts[name] = (_shapes(given), wanted)
    parameters = [tuple(parameter.shape) for parameter in network.parameters()]
    parts["ema"] = (_shapes(dict(enumerate(state.ema))), dict(enumerate(parameters)))
    trained = [tuple(parameter.shape) for parameter in network.parameters() if parameter.requires_grad]
    for index, slots in state.optimizer.items():
        shape = trained[index] if 0 <= index < len(trained) else None
        parts[f"optimizer/{index}"] = (_shapes(slots), {"step": (), "exp_avg": shape, "exp_avg_sq": shape})
    for part, (found, expected) in parts.items():
        for name in {**expected, **found}:
            if name not in found or name not in expected or found[name] != expected[name]:
                raise SSSDError(
                    f"the checkpoint does not fit the network that is trained ({part}/{name} is"
                    f" {found.get(name, 'missing')}, {expected.get(name, 'nothing')} is expected): delete it and"
                    " train anew"
                )


def _shapes(tensors: Mapping[Any, Tensor]) -> dict[Any, Any]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def load_optimizer(optimizer: Any, slots: dict[int, dict[str, Tensor]]) -> None:
    """Put AdamW's moments back; its other settings follow from the configuration."""
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def optimizer_slots(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """AdamW's moments, by the parameter's position."""
    slots: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return slots
