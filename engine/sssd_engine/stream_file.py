"""A stream's state as a file: plain arrays in an npz, nothing that runs when it is read. numpy only."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.manifest import EngineError
from sssd_engine.stream_inputs import Frames, State

_ENGINE = "engine"


def write_state(file: Path, state: State, manifest: Mapping[str, Any]) -> None:
    """Write it, whole or not at all.

    Raises:
        EngineError: the disk does not take it.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                np.savez(stream, **{**state, _ENGINE: np.array(_digest(manifest))})  # type: ignore[arg-type]  # numpy takes them for its flag
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, file)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise EngineError(f"{file} cannot be written: {error.strerror or error}") from None


def read_state(
    file: Path, manifest: Mapping[str, Any], remembered: Mapping[str, tuple[int, ...]]
) -> tuple[Frames, State]:
    """Read what :func:`write_state` wrote.

    Args:
        file: the file.
        manifest: of the engine that is to go on with it.
        remembered: shapes of what its encoder remembers of a series, float32.

    Raises:
        EngineError: no such file, a damaged one, or another engine's.
    """
    frames = Frames.of(manifest)
    wanted = frames.shapes() | {name: (np.float32, shape) for name, shape in remembered.items()}
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            engine = str(arrays[_ENGINE]) if _ENGINE in arrays else ""
            if engine != _digest(manifest):
                raise EngineError(f"{file} is the state of another engine's stream: open one anew, with windows")
            state = {name: arrays[name] for name in wanted}
    except FileNotFoundError:
        raise EngineError(f"{file} is missing: open a stream with windows") from None
    except OSError as error:
        raise EngineError(f"{file} cannot be read: {error.strerror or 'it is no npz file'}") from None
    except (ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, EngineError):
            raise
        raise EngineError(f"{file} is damaged, or no stream's state: open a stream with windows") from None
    count = len(state["series"]) if state["series"].ndim else 0
    for name, (kind, shape) in wanted.items():
        array: npt.NDArray[Any] = state[name]
        if not count or not issubclass(array.dtype.type, kind) or array.shape != (count, *shape):
            raise EngineError(f"{file} is damaged: its {name} is not a stream's: open a stream with windows")
    return frames, state


def _digest(manifest: Mapping[str, Any]) -> str:
    """Hash of the engine: of all its files, of which the weights are."""
    return hashlib.sha256(json.dumps(manifest["files"], sort_keys=True).encode()).hexdigest()
