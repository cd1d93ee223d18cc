"""Imports of each command: looking around is quick, and an engine forecasts without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "diffusers", "pandas")


def imported(*arguments: object) -> set[str]:
    """Run the command in a fresh Python; which of the heavy packages did it import?"""
    code = (
        "import sys\nfrom sssd_registry.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code or 0\n"
        "print(code, *sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()  # before it, what was understood of the data
    assert code == "0", done.stderr
    assert done.stdout
    assert "sssd_registry.cli" in modules
    return set(HEAVY) & set(modules)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plugins"],
        ["plugins", "--json"],
        ["train", "--help"],
        ["distill", "--help"],
        ["new-plugin", "--help"],
    ],
)
def test_looking_around_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported(*arguments) == set()


def test_an_engine_forecasts_without_torch(tiny_engine: Path, tiny_csv: Path) -> None:
    assert imported("forecast", tiny_engine, tiny_csv) == {"pandas"}


def test_an_engine_is_evaluated_without_torch(tiny_engine: Path, tiny_csv: Path) -> None:
    assert imported("evaluate", tiny_engine, tiny_csv, "--max-windows", 2) == {"pandas"}


def test_an_engine_is_reported_on_without_torch(tiny_engine: Path, tiny_csv: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="the report extra is not installed")
    page = tmp_path / "report.html"
    assert imported("report", tiny_engine, tiny_csv, "--out", page, "--max-windows", 2) == {"pandas"}


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("sssd_registry.cli forecast", []),
        ("sssd_registry.cli evaluate", []),
        ("sssd_registry.cli report", ["--out", "report.html"]),
        ("sssd_registry.cli compare", []),
        ("sssd_registry.cli tune", []),
        ("sssd_registry.cli distill", ["--out", "fast"]),
        ("sssd_export.cli auto", ["--out", "engine"]),
    ],
)
def test_bad_data_are_told_before_torch_is_imported(
    command: str, rest: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "bad.csv"
    data.write_text("time,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\nnever,1,1,1,1,1\n")
    module, verb = command.split()
    code = (
        f"import sys\nfrom {module} import main\ntry: main()\nexcept SystemExit as end: print(end.code, *sys.modules)"
    )
    words = [sys.executable, "-c", code, verb, str(tiny_model), str(data), *rest]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    code, *modules = done.stdout.split()
    assert code == "2", done.stderr
    assert str(data) in done.stderr.splitlines()[-1]
    assert not {"torch", "diffusers"} & set(modules)
