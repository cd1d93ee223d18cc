"""``sssd-export MODEL --out DIR``, as it was written before there were commands, still does what it did."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cli_runner import error_line, sssd_export

from sssd_engine.manifest import read_manifest
from sssd_export.cli.old_spelling import new_spelling


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model --out engine", "build model --out engine"),
        ("--steps 8 model --out=engine --split", "build --steps 8 model --out=engine --split"),
        ("model data.csv --auto --out engine", "auto model data.csv --out engine"),
        ("model --refit engine", "refit model engine"),
        ("model --refit=engine --json", "refit model --json engine"),
        ("engine --triton models", "triton engine models"),
        ("--list-targets", "targets"),
    ],
)
def test_it_stands_for_a_command(old: str, new: str) -> None:
    assert shlex.join(new_spelling(shlex.split(old))) == new


def test_it_is_done_with_a_hint(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "engine"
    done = sssd_export(tiny_model, "--out", out, "--steps", 2, "--samples", 4)
    assert done.code == 0, done.err
    assert f"note: this is written sssd-export build {tiny_model} --out {out}" in done.err
    assert read_manifest(out)["num_inference_steps"] == 2
    listed = sssd_export("--list-targets")
    assert (listed.code, listed.out) == (0, sssd_export("targets").out)


def test_a_misspelt_command_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = sssd_export("biuld", "model")
    assert done.code == 2
    assert "No such command 'biuld'" in done.err


def test_a_command_is_what_comes_first_even_if_a_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inspect").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "is not an engine folder" in error_line(sssd_export("inspect", "inspect"))
