"""The page on paths: what it tells to type works, and gives what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import sssd

from sssd_registry.pipeline import SSSDPipeline

PAGE = (Path(__file__).parents[1] / "docs" / "paths.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for block in re.findall(r"```\n(sssd .*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]


def test_commands_and_python_of_the_page(
    tiny_model: Path, tiny_csv: Path, tiny_frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 2
    for command in COMMANDS:
        words = command.replace(" model prices.csv", f" {tiny_model} {tiny_csv}").replace("500", "20")
        done = sssd(*shlex.split(words)[1:])
        assert done.code == 0, done.err
    assert {file.name for file in tmp_path.iterdir()} == {"paths.parquet", "forecast.png"}
    pipe = SSSDPipeline.from_pretrained(tiny_model)
    pipe.set_progress_bar_config(disable=True)
    known: dict[str, Any] = {"pipe": pipe, "frame": tiny_frame}
    for block in PYTHON:
        small = block.replace("range(1, 25)", "range(1, 5)").replace("500", "20").replace("[..., 1]", "[..., 0]")
        exec(compile(small, "docs/paths.md", "exec"), known)
    assert known["forecast"].paths.shape == (1, 20, 4, 1)
    assert known["passage"].by_horizon.shape == (1, 4, 1)
    assert {"origin", "sample", "horizon", "time", "target", "value"} == set(known["frame"])


def test_the_groupby_of_the_page_is_the_functional(tiny_model: Path, tiny_frame: pd.DataFrame) -> None:
    pipe = SSSDPipeline.from_pretrained(tiny_model)
    pipe.set_progress_bar_config(disable=True)
    forecast = pipe(tiny_frame, num_samples=20, generator=0)
    frame = forecast.paths_frame()
    highest = frame.groupby(["origin", "target", "sample"])["value"].max()
    levels = [0.05, 0.5, 0.95]
    found = highest.groupby(["origin", "target"]).quantile(levels)
    np.testing.assert_allclose(found.to_numpy(), forecast.functional("max", levels)[:, 0, 0], rtol=1e-12)
