"""Processes that train one model together, and what they tell each other.

Each has the whole data and the whole network, and takes its share of every batch. Gradients are added up explicitly, in
one message a step: a window then counts as it does in one process, however unevenly a batch is divided. All else is
worked out by each process alike, from the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.parameter import Parameter

from sssd_registry.errors import SSSDError
from sssd_registry.training.launch import launched

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Share of a batch that a process takes.

    Attributes:
        rows: of the whole batch.
        whole: how many windows that has.
    """

    rows: slice
    whole: int

    @property
    def size(self) -> int:
        """Number of its windows."""
        return len(range(*self.rows.indices(self.whole)))

    @property
    def weight(self) -> float:
        """Weight of a mean over its windows in one over the batch."""
        return self.size / self.whole


@dataclass(frozen=True)
class Processes:
    """This process, ``index`` of ``count``; one by itself needs no other, and asks none."""

    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this is the one that writes files and reports."""
        return self.index == 0

    def share(self, whole: int) -> Share:
        """Return what this process takes of ``whole`` windows: all but equally many, in their order."""
        return Share(slice(whole * self.index // self.count, whole * (self.index + 1) // self.count), whole)

    def add_up(self, parameters: Iterable[Parameter], loss: float) -> float:
        """Add up gradients over the processes, in place, and losses; a parameter that got none in any keeps none."""
        if self.count == 1:
            return loss
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        more = torch.tensor([*(float(p.grad is not None) for p in trained), loss], device=parts[0].device)
        flat = torch.cat([*(part.float().flatten() for part in parts), more])
        with _with_others():
            torch.distributed.all_reduce(flat)
        *sums, more = torch.split(flat, [*(part.numel() for part in parts), len(more)])
        *has, loss = more.tolist()
        for parameter, total, count in zip(trained, sums, has, strict=True):
            if count:
                parameter.grad = total.view_as(parameter).to(parameter.dtype)
        return loss

    def any(self, found: bool) -> bool:
        """Tell whether something was found in any of the processes, which wait for each other here."""
        return any(self.gathered(found))

    def gathered(self, value: T) -> list[T]:
        """Return the value of each process, in order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with _with_others():
            torch.distributed.all_gather_object(values, value)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` gives in the first process, which alone calls it."""
        values: list[Any] = [make() if self.first else None]
        if self.count > 1:
            with _with_others():
                torch.distributed.broadcast_object_list(values, src=0)
        made: T = values[0]
        return made

    def align(self, network: torch.nn.Module) -> None:
        """Give a network the first process's numbers: another kind of processor may round a fit in another way."""
        if self.count > 1:
            device = next(network.parameters()).device
            state: dict[str, Tensor] = self.from_first(
                lambda: {name: tensor.cpu() for name, tensor in network.state_dict().items()}
            )
            network.load_state_dict({name: tensor.to(device) for name, tensor in state.items()})


ALONE = Processes()


def joined() -> Processes:
    """Return the processes that this one was started with, once all are there.

    Raises:
        SSSDError: they cannot work together on this machine.
    """
    if launched()[1] == 1:
        return ALONE
    from accelerate import PartialState

    on_cpu = not on_gpus()
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if not on_cpu and here > torch.cuda.device_count():
        raise SSSDError(
            f"{here} processes on a machine with {torch.cuda.device_count()} GPU(s): start one for each GPU, or set"
            " ACCELERATE_USE_CPU=1 to train on the processor"
        )
    with _with_others():
        state = PartialState(cpu=on_cpu)
    return Processes(state.process_index, state.num_processes)


def on_gpus() -> bool:
    """Tell whether training uses GPUs."""
    unwanted = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes", "y", "on")
    return torch.cuda.is_available() and not unwanted


def part() -> None:
    """Leave the other processes, where there are some."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def _with_others() -> Iterator[None]:
    """Raise the user's error where another process is gone."""
    try:
        yield
    except RuntimeError as error:  # torch.distributed's errors, and gloo's own
        raise SSSDError(
            "training cannot go on, as another of its processes has ended or cannot be reached: see what that one said"
            f" ({str(error).splitlines()[0]})"
        ) from error
