"""A run as lines of JSON: its settings, then what is told of each step. It needs nothing, and any tool reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO


class JsonLines:
    """Appends to ``file``; a training that is resumed goes on in it, below its settings.

    Args:
        file: made with its folder, once there is something to write.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stream: TextIO | None = None

    def start(self) -> None:
        """Open the file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.file.open("a", encoding="utf-8")

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Write the settings, under ``settings``."""
        self._write({"settings": dict(values)})

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Write the values of a step beside its number."""
        self._write({"step": step, **values})

    def finish(self) -> None:
        """Close the file; there may be more of it later."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._stream is None:
            raise ValueError(f"{self.file} is not open: call start() first")
        self._stream.write(json.dumps(entry) + "\n")
        self._stream.flush()  # somebody may look at it meanwhile
