"""Origin of an engine, folder and process: to load it again from a pickle, and to say what a fork breaks.

Threads of a runtime do not follow a fork: a call would wait for them without end, and so would ONNX Runtime when the
forked process ends. None of its memory can be pickled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sssd_engine.manifest import MANIFEST, EngineError, sha256

# Runtimes that bear a fork where they have no threads of their own.
_AFTER_A_FORK = ("onnxruntime",)


@dataclass(frozen=True)
class Origin:
    """Folder, arguments and process of an engine that was loaded.

    Attributes:
        folder: absolute.
        options: further arguments of ``load_engine``.
        digest: SHA-256 of the manifest, which names every other file's.
        process: the one that loaded it.
    """

    folder: Path
    options: tuple[tuple[str, Any], ...]
    digest: str
    process: int = field(default_factory=os.getpid)

    def check_fork(self, parts: Sequence[Any]) -> None:
        """Check that the engine is used in the process that loaded it, or has no threads that a fork would lack.

        Raises:
            EngineError: neither.
        """
        if self.process == os.getpid():
            return
        if dict(self.options)["threads"] != 1 or any(part["runtime"] not in _AFTER_A_FORK for part in parts):
            raise EngineError(
                f"the engine {self.folder} was loaded before a fork, which its runtime's threads do not follow: load it"
                " in each process, or an ONNX engine with threads=1"
            )

    def check_unchanged(self) -> None:
        """Check that the folder still has the same engine.

        Raises:
            EngineError: it has another, or none.
        """
        try:
            digest = sha256(self.folder / MANIFEST)
        except OSError as error:
            raise EngineError(f"the engine {self.folder} cannot be opened again: {error.strerror}") from None
        if digest != self.digest:
            raise EngineError(f"{self.folder} has another engine than when it was loaded: load it again")
