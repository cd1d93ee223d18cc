"""Parts of a batch: which files there are, where their forecasts go, and which of these are there already."""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file
from sssd_registry.files.json_file import read_json
from sssd_registry.files.staging import is_hidden

SETTINGS, LEFT_OUT = "batch.json", "left_out.csv"
_TABLES = (".parquet", ".pq", ".arrow", ".feather", ".ipc")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def is_pattern(data: Path) -> bool:
    """Tell whether ``data`` means many files, such as ``parts/*.parquet``: a file of that very name comes first."""
    return glob.has_magic(str(data)) and not data.exists()


@dataclass(frozen=True)
class LeftOut:
    """Something that has no forecast: a whole part, or a series of it."""

    part: str
    series: str
    reason: str


def find_parts(pattern: Path, out: Path) -> dict[Path, Path]:
    """Each file that fits ``pattern``, by name, and the file that its forecast goes to.

    Raises:
        SSSDError: no file, or two whose forecasts would have one name.
    """
    parts: dict[Path, Path] = {}
    for name in sorted(glob.glob(str(pattern), recursive=True)):
        part = Path(name)
        if part.is_file():
            parts[part] = out / _target_name(part)
    if not parts:
        raise SSSDError(f"no file fits {pattern}; put it in quotes, so that the shell leaves it as it is")
    made: dict[Path, Path] = {}
    for part, target in parts.items():
        if target in made:
            raise SSSDError(f"the forecasts of {made[target]} and of {part} would both be {target}: rename one")
        if target.name == LEFT_OUT:
            raise SSSDError(f"{part}: {LEFT_OUT} lists what could not be forecast; rename the part")
        made[target] = part
    return parts


def _target_name(part: Path) -> str:
    """``a.parquet`` of ``a.parquet`` and ``a.arrow``; ``a.csv`` of ``a.csv``, ``a.csv.gz`` and ``a.txt``."""
    plain = part.with_suffix("") if part.suffix.lower() in _PACKED else part
    return f"{plain.stem}{'.parquet' if plain.suffix.lower() in _TABLES else '.csv'}"


def settle_folder(out: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder, or go on in one that was made for the same settings.

    Raises:
        SSSDError: it holds something else, or forecasts of other settings.
    """
    file = out / SETTINGS
    if file.exists():
        if read_json(file, "name another folder with --out") != settings:
            raise SSSDError(f"{out} has forecasts of another model or other options: name another folder with --out")
        return
    # What a killed run was writing is hidden, and is no file of somebody else's.
    if out.exists() and not (out.is_dir() and all(is_hidden(entry.name) for entry in out.iterdir())):
        raise SSSDError(f"{out} holds something else: name a new or empty folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as new:
        new.write_text(json.dumps(dict(settings), indent=1), encoding="utf-8")


def read_left_out(out: Path) -> list[LeftOut]:
    """Read what earlier runs could not forecast."""
    file = out / LEFT_OUT
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return [LeftOut(row["part"], row["series"], row["reason"]) for row in csv.DictReader(stream)]


def write_left_out(out: Path, rows: Iterable[LeftOut]) -> None:
    """Write the list, by part; also an empty one, which tells that nothing is missing."""
    with atomic_file(out / LEFT_OUT) as new, new.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["part", "series", "reason"])
        writer.writerows(sorted((row.part, row.series, row.reason) for row in rows))
