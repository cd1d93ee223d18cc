"""Place that a run writes to, and that no other run writes there. Imports nothing heavy: commands ask it first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import check_replaceable
from sssd_registry.files.folder_kinds import CHECKPOINT, MODEL
from sssd_registry.files.opening import claimed, is_claimed, opened


def checkpoint_of(out: Path) -> Path:
    """Return where the state of a run that is to write ``out`` is kept, also where that is ``.``, which has no name."""
    whole = Path(os.path.abspath(out))  # not resolve(), which would follow a link to another folder
    return whole.parent / f"{whole.name}.checkpoint"


@contextmanager
def alone(out: Path) -> Iterator[Path]:
    """Give :func:`checkpoint_of` a run that is to write ``out``, which no other process trains meanwhile.

    Raises:
        SSSDError: another does, or nothing can be written there.
    """
    check_replaceable(out, owner=MODEL)
    checkpoint = checkpoint_of(out)
    check_replaceable(checkpoint, owner=CHECKPOINT)
    with claimed(checkpoint, _being_trained(out)):
        yield checkpoint


def check_output(out: Path, resume: bool, overwrite: bool) -> None:
    """Refuse to write over a model, or to start over an interrupted run, by mistake.

    Raises:
        SSSDError: there is one, and the user did not say what is to be done with it; or as :func:`alone` does.
    """
    check_replaceable(out, owner=MODEL)
    checkpoint = checkpoint_of(out)
    check_replaceable(checkpoint, owner=CHECKPOINT)
    if is_claimed(checkpoint):
        raise SSSDError(_being_trained(out))
    with opened(out, MODEL) as folder:
        if (folder / MODEL.marker).exists() and not overwrite:
            raise SSSDError(f"{out} already holds a model: choose another folder, or pass --overwrite")
    with opened(checkpoint, CHECKPOINT) as folder:
        if (folder / CHECKPOINT.marker).exists() and not (resume or overwrite):
            raise SSSDError(
                f"{out} was being trained and interrupted: pass --resume to go on, or --overwrite to start anew"
            )


def _being_trained(out: Path) -> str:
    return f"{out} is being trained by another process: wait until that ends, or name another folder with --out"
