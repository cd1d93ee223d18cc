"""A folder in which the examples of the documents run: a file of prices, a model and an engine by their names."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def prepared(
    tmp_path: Path, tiny_frame: pd.DataFrame, working_model: Path, tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The working folder, with ``prices.csv``, ``model`` and ``engine``."""
    tiny_frame.to_csv(tmp_path / "prices.csv", index=False)
    shutil.copytree(working_model, tmp_path / "model")
    shutil.copytree(tiny_engine, tmp_path / "engine")
    monkeypatch.chdir(tmp_path)
    return tmp_path
