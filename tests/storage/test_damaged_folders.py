"""Model and engine folders with a file missing, cut off or changed, through every command that opens them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_runner import error_line, sssd, sssd_export, tree


def forecast_fails(model: Path, data: Path, out: Path, *arguments: object) -> str:
    """The error line of ``sssd forecast``, after which nothing is there."""
    files = ("--out", out.with_suffix(".csv"), "--plot", out.with_suffix(".png"))
    line = error_line(sssd("forecast", model, data, *files, *arguments))
    assert list(out.parent.iterdir()) == []
    return line


MODEL_FILES = (
    "model_index.json",
    "config.json",
    "model.safetensors",
    "examples.safetensors",
    "scheduler/scheduler_config.json",
)
ENGINE_FILES = ("correlation.bin", "manifest.json", "model.onnx")


def test_these_are_all_the_files(tiny_model: Path, tiny_engine: Path) -> None:
    assert set(tree(tiny_model)) == set(MODEL_FILES)
    assert set(tree(tiny_engine)) == set(ENGINE_FILES)


def fails_to_open(folder: Path, data: Path, out: Path) -> str:
    """The error line, the same of every command that opens the folder."""
    line = forecast_fails(folder, data, out)
    assert error_line(sssd("evaluate", folder, data)) == line
    return line


@pytest.mark.parametrize("name", MODEL_FILES)
def test_model_folder_with_a_missing_file(
    tiny_model: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    (copy / name).unlink()
    line = fails_to_open(copy, tiny_csv, out)
    if name == "model_index.json":
        assert line == f"{copy} is neither a model nor an engine folder: no model_index.json or manifest.json in it"
    else:
        assert line == f"{copy / name} is missing: copy the whole model folder again, or train anew"
    assert str(copy) in error_line(sssd_export("build", copy, "--out", out))
    if "/" in name:
        (copy / name).parent.rmdir()
        assert fails_to_open(copy, tiny_csv, out) == line
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
@pytest.mark.parametrize("name", MODEL_FILES)
def test_model_folder_with_a_cut_off_file(
    tiny_model: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str, share: float
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(share * len(content))])
    line = fails_to_open(copy, tiny_csv, out)
    assert line.startswith(f"{copy / name} is ")
    assert re.search(r"is (cut off or )?damaged \(.*\): copy the whole model folder again, or train anew$", line)
    assert error_line(sssd_export("build", copy, "--out", out)) == line
    assert list(out.parent.iterdir()) == []


def fails_with_a_changed_byte(folder: Path, name: str, share: float, data: Path, out: Path) -> str:
    """Change the byte after ``share`` of a file; the line that forecasting from its folder then ends with."""
    file = folder / name
    content = bytearray(file.read_bytes())
    place = int(share * len(content))
    while chr(content[place]).isspace():  # JSON does not mind what space it is
        place += 1
    content[place] ^= 1
    file.write_bytes(content)
    line = forecast_fails(folder, data, out)
    assert line.startswith(f"{file} ")
    assert re.search("SHA-256 differs|damaged|format", line)
    return line


@pytest.mark.parametrize("share", np.linspace(0, 1, 4, endpoint=False))
@pytest.mark.parametrize("name", MODEL_FILES)
def test_model_folder_with_a_changed_byte(
    tiny_model: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str, share: float
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    line = fails_with_a_changed_byte(copy, name, share, tiny_csv, out)
    assert error_line(sssd_export("build", copy, "--out", out)) == line


@pytest.mark.parametrize("name", ENGINE_FILES)
def test_engine_folder_with_a_missing_file(
    tiny_engine: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str
) -> None:
    copy = shutil.copytree(tiny_engine, tmp_path / "engine")
    (copy / name).unlink()
    line = fails_to_open(copy, tiny_csv, out)
    assert line.startswith(str(copy))
    assert name in line
    assert name == "manifest.json" or line.endswith("is missing: export anew")


@pytest.mark.parametrize("share", [0, 0.5])
@pytest.mark.parametrize("name", ENGINE_FILES)
def test_engine_folder_with_a_cut_off_file(
    tiny_engine: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str, share: float
) -> None:
    copy = shutil.copytree(tiny_engine, tmp_path / "engine")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(share * len(content))])
    line = fails_to_open(copy, tiny_csv, out)
    assert line.startswith(f"{copy / name} is ")
    assert line.endswith(": export anew")


@pytest.mark.parametrize("share", np.linspace(0, 1, 12, endpoint=False))
@pytest.mark.parametrize("name", ENGINE_FILES)
def test_engine_folder_with_a_changed_byte(
    tiny_engine: Path, tiny_csv: Path, out: Path, tmp_path: Path, name: str, share: float
) -> None:
    copy = shutil.copytree(tiny_engine, tmp_path / "engine")
    fails_with_a_changed_byte(copy, name, share, tiny_csv, out)


def test_an_engine_for_a_target_that_is_not_installed(
    tiny_engine: Path, tiny_csv: Path, out: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_engine, tmp_path / "engine")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "target": "onxx"}))
    line = fails_to_open(copy, tiny_csv, out)
    assert line.startswith(f"{copy / 'manifest.json'} is for a target that is not installed")
    assert "did you mean 'onnx'?" in line


def test_a_folder_that_is_nothing_of_ours(tiny_csv: Path, out: Path, tmp_path: Path) -> None:
    line = fails_to_open(tmp_path / "none", tiny_csv, out)
    assert line == f"{tmp_path / 'none'} is neither a model nor an engine folder: there is no such folder"
    assert fails_to_open(tmp_path, tiny_csv, out).endswith("no model_index.json or manifest.json in it")
    assert str(tmp_path / "none") in error_line(sssd_export("build", tmp_path / "none", "--out", out))
