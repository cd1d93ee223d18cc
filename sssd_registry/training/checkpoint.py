"""A training run's state on disk: safetensors and JSON, so that resuming executes nothing from a file.

Each checkpoint replaces the one before it, complete or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sssd_registry.atomic import atomic_directory
from sssd_registry.errors import SSSDError
from sssd_registry.kinds import CHECKPOINT
from sssd_registry.opening import opened

MARKER = CHECKPOINT.marker


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        fingerprint: of configuration and data; a resumed run has to have the same.
        step: optimiser steps done.
        best_crps: lowest validation CRPS, in standard units.
        best_step: the step it was seen at.
        stale: validations since then.
        history: ``[step, validation CRPS]`` of each validation.
    """

    fingerprint: str
    step: int = 0
    best_crps: float = float("inf")
    best_step: int = 0
    stale: int = 0
    history: list[tuple[int, float]] = field(default_factory=list)


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
            new / "state.safetensors",
        )
        (new / MARKER).write_text(json.dumps(asdict(progress)))


def load_checkpoint(path: Path, fingerprint: str) -> tuple[Progress, RunState]:
    """Read the checkpoint folder.

    Raises:
        SSSDError: there is none, it is damaged, or belongs to another configuration or other data.
    """
    try:
        with opened(path, CHECKPOINT) as place:
            progress = Progress(**json.loads((place / MARKER).read_text()))
            tensors = load_file(place / "state.safetensors")
    except FileNotFoundError:
        raise SSSDError(f"nothing to resume: there is no checkpoint in {path}") from None
    except (SafetensorError, json.JSONDecodeError, TypeError, OSError) as error:
        raise SSSDError(f"the checkpoint in {path} is damaged ({error}): delete it and train anew") from None
    if progress.fingerprint != fingerprint:
        raise SSSDError(
            f"the checkpoint in {path} belongs to another configuration or other data: resume with the same ones,"
            " or train anew into another folder"
        )
    progress.history = [(int(step), float(score)) for step, score in progress.history]
    return progress, _unflatten(tensors)


def _unflatten(tensors: dict[str, Tensor]) -> RunState:
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


def load_optimizer(optimizer: Any, slots: dict[int, dict[str, Tensor]]) -> None:
    """Put AdamW's moments back; its other settings follow from the configuration."""
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def optimizer_slots(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """AdamW's moments, by the parameter's position."""
    slots: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return slots
