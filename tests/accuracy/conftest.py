"""The accuracy benchmark's modules, and a file for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def accuracy() -> Iterator[Any]:
    """The benchmark's modules, which import each other by their bare names."""
    folders = [str(BENCHMARKS), str(BENCHMARKS / "accuracy")]
    sys.path[:0] = folders
    try:
        import boosted
        import claims
        import classical
        import direct_paths
        import goals
        import goals_of_defaults
        import losses
        import measure
        import path_peers
        import report
        import start_normalizers
        import summary
        import tasks
        import transfer
        import variants

        made = ModuleType("accuracy")
        modules = (
            boosted,
            claims,
            classical,
            direct_paths,
            goals,
            goals_of_defaults,
            losses,
            measure,
            path_peers,
            report,
            start_normalizers,
            summary,
            tasks,
            transfer,
            variants,
        )
        for module in modules:
            setattr(made, module.__name__, module)
        yield made
    finally:
        for folder in folders:
            sys.path.remove(folder)


@pytest.fixture(scope="module")
def etth1(accuracy: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A file like ETTh1.csv: a daily wave and noise."""
    random, hours = np.random.default_rng(0), np.arange(14_500)
    wave = np.sin(2 * np.pi * hours / 24)[:, None] * np.arange(1, 8) + random.normal(size=(len(hours), 7))
    frame = pd.DataFrame(wave, columns=list("abcdefg"))
    frame.insert(0, "date", pd.date_range("2016-07-01", periods=len(hours), freq="h"))
    path = tmp_path_factory.mktemp("data") / "ETTh1.csv"
    frame.to_csv(path, index=False)
    return accuracy.tasks.etth1(path)
