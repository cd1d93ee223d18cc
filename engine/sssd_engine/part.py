"""One part of an engine: the face that all runtimes have, and ONNX Runtime behind it.

numpy, and onnxruntime only where a session is opened.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from sssd_engine.manifest import EngineError

Array = npt.NDArray[Any]
Values = Mapping[str, Array]

# It takes a float64 number for 0 where, as a float32, it is: a guard of 1e-300 would be gone.
DISABLED_OPTIMISERS = ["NoopElimination"]
# Key of an ONNX graph's metadata.
MEANING = "sssd.meaning"
_FATAL = 4


class Part(Protocol):
    """A compiled graph. Can be called from several threads at once."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes."""

    def __call__(self, feed: Values) -> dict[str, Array]:
        """Outputs by name."""


class OnnxPart:
    """A graph that ONNX Runtime runs.

    Attributes:
        meaning: what its manifest's :func:`~sssd_engine.manifest.meaning` was when it was built; empty of old ones.
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.meaning = str(session.get_modelmeta().custom_metadata_map.get(MEANING, ""))
        self.inputs = tuple(value.name for value in session.get_inputs())
        self.outputs = [value.name for value in session.get_outputs()]

    def __call__(self, feed: Values) -> dict[str, Array]:
        with one_line("ONNX Runtime cannot run this engine"):
            return dict(zip(self.outputs, self.session.run(self.outputs, dict(feed)), strict=True))


def onnx_session(file: Path, threads: int, provider: Any) -> Any:
    """A session of ONNX Runtime; ``provider`` is a name, or a name with options.

    From memory: a graph that has no place finds no files beside it, or anywhere, to read weights from.

    Raises:
        EngineError: it does not take the file.
    """
    # Its thread for reports to Microsoft does not follow a fork, and a forked process would wait for it when it ends.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(f"{file} needs ONNX Runtime: pip install 'sssd-engine[onnx]' ({error})") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin between calls burn a core each, and gain no time that is seen (docs/how-to/engines.md).
    for pool in ("intra", "inter"):
        options.add_session_config_entry(f"session.{pool}_op.allow_spinning", "0")
    options.log_severity_level = _FATAL  # errors are raised, in one line
    with one_line(f"{file} is no graph that ONNX Runtime takes"):
        return onnxruntime.InferenceSession(
            file.read_bytes(),
            sess_options=options,
            providers=[provider],
            disabled_optimizers=DISABLED_OPTIMISERS,
            enable_fallback=0,  # it would print what went wrong, and try the same again
        )


@contextlib.contextmanager
def one_line(what: str) -> Iterator[None]:
    """Runtimes raise errors of their own kinds, some pages long."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        text = "".join(char if char.isprintable() else "?" for char in " ".join(str(error).split()))
        raise EngineError(f"{what}: {text[:300]}") from error
