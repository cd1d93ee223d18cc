"""A disk that fills: every file takes so many bytes, then the system refuses. One line, and nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runner import error_line, full_disk, sssd, sssd_export, tree

from sssd_registry.errors import SSSDError


def train_fails(data: Path, out: Path, *arguments: object) -> str:
    """The error line of ``sssd train``, after which nothing is there."""
    line = error_line(sssd("train", data, "--out", out, *arguments))
    assert list(out.parent.iterdir()) == []
    return line


def test_disk_fills_at_the_checkpoint(tiny_csv: Path, overrides: list[str], out: Path) -> None:
    for limit in (0, 1000, 20_000):
        with full_disk(limit):
            line = train_fails(tiny_csv, out, *overrides)
        assert line == f"{out}.checkpoint cannot be written: File too large"


@pytest.mark.parametrize("limit", [0, 1000, 3000, 12_000])
def test_disk_fills_while_the_model_is_saved(
    tiny_csv: Path, overrides: list[str], out: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sssd_registry import model_pipeline as pipeline

    write = pipeline.write_model_folder

    def write_to_full_disk(*arguments: object) -> None:
        with full_disk(limit):
            write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "write_model_folder", write_to_full_disk)
    line = error_line(sssd("train", tiny_csv, "--out", out, *overrides))
    assert line == f"{out} cannot be written: File too large"
    # What was trained is not lost: when there is room again, --resume writes it.
    assert [entry.name for entry in out.parent.iterdir()] == ["it.checkpoint"]
    monkeypatch.undo()
    outcome = sssd("train", tiny_csv, "--out", out, *overrides, "--resume")
    assert outcome.code == 0, outcome.err
    assert [entry.name for entry in out.parent.iterdir()] == ["it"]


@pytest.mark.parametrize("limit", [0, 100])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_disk_fills_while_a_forecast_is_written(
    tiny_model: Path, tiny_csv: Path, out: Path, suffix: str, limit: int
) -> None:
    file = out.with_suffix(suffix)
    command = ["forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 4, "--out", file]
    with full_disk(limit):
        line = error_line(sssd(*command))
    assert line == f"{file} cannot be written: File too large"
    assert list(out.parent.iterdir()) == []
    file.write_text("an earlier one")
    with full_disk(limit):
        error_line(sssd(*command))
    assert tree(out.parent) == {file.name: b"an earlier one"}


@pytest.mark.parametrize("limit", [0, 5000])
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_disk_fills_while_a_picture_is_written(
    tiny_model: Path, tiny_csv: Path, out: Path, suffix: str, limit: int
) -> None:
    file = out.with_suffix(suffix)
    with full_disk(limit):
        line = error_line(sssd("forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 4, "--plot", file))
    assert line == f"{file} cannot be written: File too large"
    assert list(out.parent.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["forecast"]])
def test_disk_fills_behind_standard_output(tiny_engine: Path, tiny_csv: Path, arguments: list[str]) -> None:
    more = [str(tiny_engine), str(tiny_csv)] if arguments == ["forecast"] else []
    command = [sys.executable, "-c", "from sssd_registry.cli import main; main()", *arguments, *more]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    # Before it, of a forecast, what was understood of the data.
    assert done.stderr.splitlines()[-1] == "error: standard output cannot be written: No space left on device"


@pytest.mark.parametrize("limit", [0, 100, 3000])
def test_disk_fills_while_a_model_is_replaced(tiny_model: Path, out: Path, limit: int) -> None:
    from sssd_registry.pipeline import SSSDPipeline

    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    shutil.copytree(tiny_model, out)
    (out / "README.md").write_text("mine")
    before = tree(out.parent)
    with full_disk(limit), pytest.raises(SSSDError, match="cannot be written: File too large"):
        pipeline.save_pretrained(out)
    assert tree(out.parent) == before


@pytest.mark.parametrize("limit", [0, 100])
def test_disk_fills_at_smaller_writers(tiny_model: Path, tiny_csv: Path, out: Path, limit: int) -> None:
    from sssd_registry.storage.sampling_defaults import write_default

    shutil.copytree(tiny_model, out)
    before = tree(out.parent)
    with full_disk(0), pytest.raises(SSSDError, match=r"cannot be written: File too large"):
        write_default(out, "ddim", 4)
    with full_disk(limit):
        compare = ["compare", tiny_model, tiny_csv, "--schedulers", "ddim", "--steps", "2", "--max-windows", 2]
        line = error_line(sssd(*compare, "--samples", 2, "--out", f"{out}.json"))
        assert line == f"{out}.json cannot be written: File too large"
        line = error_line(sssd("new-plugin", "my-plugin-of-tests", "--out", out.parent))
        assert line == f"{out.parent / 'my-plugin-of-tests'} cannot be written: File too large"
    assert tree(out.parent) == before


@pytest.mark.slow
def test_disk_fills_while_an_engine_is_put_into_a_repository(tiny_engine: Path, out: Path) -> None:
    with full_disk(1000):
        line = error_line(sssd_export("triton", tiny_engine, out.parent / "served"))
    assert line == f"{out.parent / 'served' / 'tiny'} cannot be written: File too large"
    assert tree(out.parent) == {}


@pytest.mark.slow
def test_disk_fills_while_an_engine_is_saved(tiny_model: Path, out: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the export extra is not installed")
    with full_disk(1000):
        line = error_line(sssd_export("build", tiny_model, "--out", out, "--steps", 2))
    assert line == f"{out} cannot be written: File too large"
    assert list(out.parent.iterdir()) == []
