"""Configuration of a model or engine as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sssd_registry.errors import shortened
from sssd_registry.files.folder_kinds import ENGINE, MODEL
from sssd_registry.files.json_file import read_json
from sssd_registry.files.opening import opened
from sssd_registry.storage.index import CONFIG, own_file

# Of an engine's manifest: what a reader would ask for. The rest is for machines.
_ENGINE = ("target", "settings", "scheduler", "num_inference_steps", "num_calls", "precision", "loop", "parity",
           "source", "versions")  # fmt: skip
_RECORD = ("steps", "best_step", "validation_crps", "distilled")


def settings_table(path: Path) -> list[list[str]]:
    """Name and value of each setting, of a folder that could be opened.

    Raises:
        SSSDError: a file that was damaged since.
    """
    with opened(path, MODEL) as place:
        if (place / ENGINE.marker).is_file():
            manifest = read_json(own_file(place, ENGINE.marker), "export anew")
            kept = {name: manifest[name] for name in _ENGINE if name in manifest}
            return [["kind", "engine"], *_rows(kept)]
        stored = read_json(own_file(place, CONFIG), "train anew")
        record = stored["record"]
        trained = {name: record[name] for name in _RECORD if record.get(name) is not None}
        return [["kind", "model"], *_rows({"version": stored.get("version", ""), **trained, **record["config"]})]


def _rows(tree: Mapping[str, Any], above: str = "") -> Iterator[list[str]]:
    """Leaves by their dotted names."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _rows(value, f"{above}{name}.")
        else:
            yield [f"{above}{name}", "default" if value is None else shortened(value, 200)]
