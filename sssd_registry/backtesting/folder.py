"""Folder of a backtest: its settings, and the tables of the folds that are finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sssd_registry.errors import SSSDError, shortened
from sssd_registry.extras import require
from sssd_registry.files.atomic import atomic_file
from sssd_registry.files.json_file import read_json
from sssd_registry.files.staging import is_hidden

SETTINGS = "backtest.json"
# As a message calls what has no name of its own there.
_SHOWN = {"data": "the data", "format": "--format"}


def settle_folder(out: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder, or go on in one that was made for the same settings.

    Raises:
        SSSDError: it holds something else, or folds of other settings; says of which.
    """
    file = out / SETTINGS
    if file.exists():
        _check_same(out, read_json(file, "name another folder with --out"), settings)
        return
    # What a killed run was writing is hidden, and is no file of somebody else's.
    if out.exists() and not (out.is_dir() and all(is_hidden(entry.name) for entry in out.iterdir())):
        raise SSSDError(f"{out} holds something else: name a new or empty folder with --out")
    for folder in (out / "windows", out / "paths"):
        folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as new:
        new.write_text(json.dumps(dict(settings), indent=1), encoding="utf-8")


def _check_same(out: Path, old: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    changed = [name for name in {**settings, **old} if old.get(name) != settings.get(name)]
    if not changed:
        return
    name = changed[0]
    values = "" if name == "data" else f" ({shortened(old.get(name))} there, {shortened(settings.get(name))} now)"
    more = f" and {len(changed) - 1} more settings" if len(changed) > 1 else ""
    raise SSSDError(
        f"{out} has folds of other settings: {_SHOWN.get(name, name)}{values}{more} changed; name another folder with"
        " --out, or ask for the same"
    )


class Tables:
    """Tables of a backtest's folds.

    Args:
        out: the folder.
        format: ``parquet`` or ``csv``.
    """

    def __init__(self, out: Path, format: str) -> None:
        if format == "parquet":
            require("pyarrow", "--format parquet")
        self.out, self.format = out, format

    def windows(self, fold: int) -> Path:
        """File of a fold's windows; where it is, the fold is finished."""
        return self.out / "windows" / f"fold-{fold}.{self.format}"

    def paths(self, fold: int) -> Path:
        """File of its sample paths."""
        return self.out / "paths" / f"fold-{fold}.{self.format}"

    def model(self, fold: int | None) -> Path:
        """Folder of the model that a fold was trained to; without a number, of the one that forecasts all."""
        return self.out / "models" / ("all" if fold is None else f"fold-{fold}")

    def is_finished(self, fold: int) -> bool:
        """Tell whether both tables are there."""
        return self.windows(fold).is_file() and self.paths(fold).is_file()

    def write(self, fold: int, windows: pd.DataFrame, paths: pd.DataFrame) -> None:
        """Write both; the windows, which count, after the paths."""
        for file, frame in ((self.paths(fold), paths), (self.windows(fold), windows)):
            with atomic_file(file) as new:
                if self.format == "parquet":
                    frame.to_parquet(new, index=False)
                else:
                    frame.to_csv(new, index=False)

    def read(self, file: Path) -> pd.DataFrame:
        """The rows of one.

        Raises:
            SSSDError: it is damaged.
        """
        try:
            if self.format == "parquet":
                return pd.read_parquet(file, engine="pyarrow")
            # Ids may look like numbers, and numbers have to come back to the bit.
            return pd.read_csv(file, dtype={"series": str}, keep_default_na=False, na_values={"actual": [""]},
                               float_precision="round_trip")  # fmt: skip
        except Exception as error:  # pyarrow has no common kind for what a damaged file may raise
            raise SSSDError(f"{file} is damaged ({type(error).__name__}): delete it, and run the same again") from None
