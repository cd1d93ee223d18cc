"""Damaged model folders and checkpoints: refused in one line, or as they were. 200 cases; SSSD_FUZZ_CASES sets more.

Where the hashes are kept, no damage may change a forecast. Where they are made anew, as somebody can who means it, what
is there is either refused or a model, whose forecasts are finite.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mutations import mutate

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import training_data
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.storage.index import MARKER, digest, write_index
from sssd_registry.storage.sampling_defaults import write_default, write_tuned
from sssd_registry.training.checkpoint import MARKER as PROGRESS
from sssd_registry.training.checkpoint import load_checkpoint, save_checkpoint
from sssd_registry.training.state import restore, run_state, start_run
from sssd_registry.training.train import take_step

CASES = int(os.environ.get("SSSD_FUZZ_CASES", "200"))
# Of each ten cases so many are of a model whose hashes are kept, of one that is signed anew, and of a checkpoint.
SHARES = {"kept": 5, "signed": 4, "checkpoint": 1}


@contextlib.contextmanager
def bounded(seconds: float = 60, gigabytes: int = 2) -> Iterator[None]:
    """A case neither hangs nor asks for memory without end."""

    def late(*_: Any) -> None:
        raise TimeoutError("it hangs")

    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (now + (gigabytes << 30), hard))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def cases(kind: str) -> Iterator[np.random.Generator]:
    for number in range(CASES * SHARES[kind] // 10):
        yield np.random.default_rng([16, len(kind), number])


@pytest.fixture(scope="module")
def model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a tuned solver and a default, in four steps: every file that a model can have."""
    folder = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("fuzz") / "model"))
    write_tuned(folder, SSSDPipeline.from_pretrained(folder).tableau(3))
    write_default(folder, "tuned", 3)
    return folder


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> Path:
    """With the scheduler that it was saved with."""
    return tiny_model


def forecast(folder: Path, frame: pd.DataFrame) -> Any:
    pipeline = SSSDPipeline.from_pretrained(folder)
    return pipeline(
        frame, num_samples=3, generator=0, num_inference_steps=None if pipeline.sampling_defaults.tuned else 2
    )


def refused(error: SSSDError, what: str) -> None:
    text = " ".join(str(error).split())  # as the command line prints it
    assert 10 < len(text) < 2000, (what, text)
    assert text.isprintable(), (what, text)


def sign(folder: Path) -> None:
    """Make the hashes right, without looking at what they are of; as far as there is an index to put them in."""
    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError, SSSDError):
        if all(small(file) for file in folder.rglob("*")):
            write_index(folder, json.loads((folder / MARKER).read_text()))


def small(file: Path) -> bool:
    return file.is_dir() or (file.is_file() and file.stat().st_size < 1 << 24)


@pytest.mark.parametrize("kind", ["kept", "signed"])
def test_a_damaged_model(kind: str, model: Path, plain: Path, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    frame = tiny_frame.tail(150)
    wanted = [forecast(folder, frame).to_frame() for folder in (model, plain)]
    opened = 0
    for number, random in enumerate(cases(kind)):
        source = number % 2
        folder = Path(shutil.copytree((model, plain)[source], tmp_path / "m" / "model"))
        what = f"{kind} {number}, {mutate(folder, random)}"
        if kind == "signed":
            sign(folder)
        try:
            with bounded():
                made = forecast(folder, frame)
        except SSSDError as error:
            refused(error, what)
        except BaseException as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        else:
            assert np.isfinite(made.samples).all(), what
            same = made.to_frame().equals(wanted[source])
            assert same or kind == "signed", what
            opened += 1
        shutil.rmtree(tmp_path / "m")
    assert opened


def test_a_damaged_checkpoint(tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path) -> None:
    config = load_config(None, tiny_settings)
    run = start_run(training_data(tiny_frame, config.data), config, None)
    take_step(run)
    run.progress.history.append((0, 0.5))
    run.best = run.start = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    whole = tmp_path / "whole"
    save_checkpoint(whole, run.progress, run_state(run))
    wanted = load_checkpoint(whole, run.progress.fingerprint)
    for number, random in enumerate(cases("checkpoint")):
        folder = Path(shutil.copytree(whole, tmp_path / "c" / "checkpoint"))
        signed = bool(number % 2)
        what = f"checkpoint {number}{', signed' * signed}, {mutate(folder, random)}"
        if signed:
            sign_checkpoint(folder)
        try:
            with bounded():
                progress, state = load_checkpoint(folder, wanted[0].fingerprint)
                restore(run, progress, state)
        except SSSDError as error:
            refused(error, what)
        except BaseException as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        else:
            same = progress == wanted[0] and all(
                state.weights[name].equal(tensor) and state.best[name].equal(wanted[1].best[name])
                for name, tensor in wanted[1].weights.items()
            )
            assert same or signed, what
        shutil.rmtree(tmp_path / "c")


def sign_checkpoint(folder: Path) -> None:
    from sssd_registry.storage.index import sha256

    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError, TypeError, SSSDError):
        if not all(small(file) for file in folder.iterdir()):
            return
        entries = json.loads((folder / PROGRESS).read_text())
        entries["files"] = {"state.safetensors": sha256(folder / "state.safetensors")}
        entries.pop("sha256", None)
        (folder / PROGRESS).write_text(json.dumps(entries | {"sha256": digest(entries)}))
