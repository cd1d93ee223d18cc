"""Reading of a folder before it is opened: whatever it holds, nothing hangs, and opening it says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sssd_registry.model_or_engine import open_forecaster, read_spec, read_split


def pipe(file: Path) -> None:
    os.mkfifo(file)


def device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(1 << 36)


def nested(file: Path) -> None:
    file.write_text("[" * 100_000)


@pytest.mark.parametrize("damage", [pipe, device, sparse, nested])
def test_a_damaged_folder_has_no_spec(tiny_model: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    assert read_spec(model) == read_spec(tiny_model)
    (model / "config.json").unlink()
    damage(model / "config.json")
    assert read_spec(model) is None


def test_a_spec_that_asks_for_all_memory_is_none(tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    text = (model / "config.json").read_text()
    assert '"lookback": ' in text
    (model / "config.json").write_text(text.replace('"lookback": ', '"lookback": 9999999'))
    assert read_spec(model) is None


def test_the_split_is_told_where_it_is_kept(tiny_model: Path, tiny_engine: Path, tmp_path: Path) -> None:
    split = read_split(tiny_model)
    assert split is not None
    assert split[0] < split[1] == open_forecaster(tiny_model).test_start
    assert read_split(tiny_engine) is None
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    stored = json.loads((model / "config.json").read_text())
    stored["record"]["validation_start"] = 1e300
    (model / "config.json").write_text(json.dumps(stored))
    assert read_split(model) is None
