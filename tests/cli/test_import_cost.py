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
