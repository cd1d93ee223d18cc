"""A distilled model compiles to one call of its head, and to no other solver."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd_export

from sssd_engine.engine import load_engine
from sssd_engine.manifest import read_manifest
from sssd_registry.pipeline import SSSDPipeline


def test_its_engine_has_one_call_and_its_forecasts(
    distilled_model: Path, tiny_frame: pd.DataFrame, tmp_path: Path
) -> None:
    done = sssd_export("build", distilled_model, "--out", tmp_path / "engine")
    assert done.code == 0, done.err
    assert read_manifest(tmp_path / "engine")["num_calls"] == 1
    pipeline = SSSDPipeline.from_pretrained(distilled_model)
    with load_engine(tmp_path / "engine") as engine:
        made = engine(tiny_frame, num_samples=20, seed=3).samples
    expected = pipeline(tiny_frame, num_samples=20, generator=3).samples
    np.testing.assert_allclose(made, expected, atol=1e-4 * expected.std())


@pytest.mark.parametrize(
    "asked", [("build", "--steps", 20), ("build", "--scheduler", "unipc"), ("auto", "--scheduler", "unipc")]
)
def test_another_solver_is_refused(
    distilled_model: Path, tiny_csv: Path, tmp_path: Path, asked: tuple[object, ...]
) -> None:
    model = Path(shutil.copytree(distilled_model, tmp_path / "model"))  # the search keeps its state beside it
    command, *options = asked
    data = [tiny_csv] if command == "auto" else []
    refused = sssd_export(command, model, *data, *options, "--out", tmp_path / "engine")
    assert refused.code == 2
    assert "was distilled for ddim in 1 step" in error_line(refused)
    assert not (tmp_path / "engine").exists()


def test_auto_compares_with_its_own_solver(distilled_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(distilled_model, tmp_path / "model"))
    arguments = (
        "auto",
        model,
        tiny_csv,
        "--target",
        "onnx",
        "--max-windows",
        8,
        "--samples",
        20,
        "--max-crps-loss",
        "20%",
    )
    done = sssd_export(*arguments, "--out", tmp_path / "engine")
    assert done.code == 0, done.err
    search = read_manifest(tmp_path / "engine")["search"]
    assert (search["reference"]["scheduler"], search["reference"]["steps"]) == ("ddim", 1)
    assert {(one["scheduler"], one["steps"]) for one in search["engines"]} == {("ddim", 1)}
