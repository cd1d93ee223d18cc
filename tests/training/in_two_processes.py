"""What each of two processes does in the test of that; run by torchrun. Argument: a folder, with bars.csv in it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

import sssd_registry.training.train as loop
from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.testing.tiny_model import SETTINGS
from sssd_registry.training.checkpoint import Progress
from sssd_registry.training.distill import distill
from sssd_registry.training.processes import joined, part

# Seven windows are shared unevenly. AdamW makes much of the rounding of weights that have no gradient: small steps.
LONG = (*SETTINGS, "training.max_steps=200", "training.validate_every=100", "training.batch_size=7",
        "training.learning_rate=2e-4", "training.mirror=true")  # fmt: skip
SHORT = (*SETTINGS, "training.max_steps=8", "training.gradient_accumulation_steps=2")


@contextmanager
def dumped(file: Path) -> Iterator[None]:
    """Write to ``file`` what training in the block ends with: weights that are chosen may be the start's."""
    choose = loop.choose_weights

    def dump(run: Any, tableau: Any) -> None:
        if run.processes.first:
            tensors = {**run.network.state_dict(), **{f"ema.{n}": one for n, one in enumerate(run.ema.shadow_params)}}
            save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, file)
        choose(run, tableau)

    loop.choose_weights = dump
    try:
        yield
    finally:
        loop.choose_weights = choose


def main(folder: Path) -> None:
    """Train, be interrupted, go on, distil, and be refused."""
    processes, data = joined(), folder / "bars.csv"
    assert processes.count == 2
    reports: list[int] = []
    with dumped(folder / "two.safetensors"):
        loop.train(data, load_config(None, LONG), folder / "long", report=lambda now, loss: reports.append(now.step))
    assert reports == (list(range(1, 201)) if processes.first else [])

    with dumped(folder / "whole.safetensors"):
        loop.train(data, load_config(None, SHORT), folder / "whole")
    take_step = loop.take_step

    def interrupted(run: Any, loss_of: Any) -> float:
        if run.progress.step == 2 and not processes.first:
            os.kill(os.getpid(), signal.SIGINT)  # in one of them alone
        return take_step(run, loss_of)

    loop.take_step = interrupted
    with pytest.raises(loop.TrainingInterrupted):
        loop.train(data, load_config(None, SHORT), folder / "broken")
    assert (folder / "broken.checkpoint").is_dir()
    loop.take_step = take_step
    steps: list[Progress] = []
    with dumped(folder / "broken.safetensors"):
        loop.train(
            data, load_config(None, SHORT), folder / "broken", resume=True, report=lambda now, _: steps.append(now)
        )
    assert len(steps) == (5 if processes.first else 0)

    distill(folder / "teacher", data, folder / "fast", max_steps=4)
    with pytest.raises(SSSDError, match=r"training\.batch_size 1 is too little for 2 processes"):
        loop.train(data, load_config(None, [*SHORT, "training.batch_size=1"]), folder / "small")
    part()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
