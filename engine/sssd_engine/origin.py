"""Where an engine was loaded from, so that it can be loaded there again: in a forked process, or from a pickle.

Threads of a runtime do not follow a fork, and none of its memory can be pickled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sssd_engine.manifest import MANIFEST, EngineError, sha256

# Runtimes of which a second session can be opened in a forked process.
_AFTER_A_FORK = ("onnxruntime",)


@dataclass(frozen=True)
class Origin:
    """How an engine was loaded.

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

    @property
    def forked(self) -> bool:
        """Whether this process is another than the one that loaded the engine."""
        return self.process != os.getpid()

    def check_fork(self, parts: Sequence[Any]) -> None:
        """Check that the engine can be opened a second time in a forked process.

        Raises:
            EngineError: its runtime does not bear a fork.
        """
        runtimes = {part["runtime"] for part in parts}
        if not runtimes <= set(_AFTER_A_FORK):
            raise EngineError(
                f"the engine {self.folder} was loaded before a fork, which {' and '.join(sorted(runtimes))} does not"
                " bear: load it in each process"
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
