"""Somebody else's distribution, in an environment of its own: listed, trained with, compared, exported, run, gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sssd_registry.testing.tiny_model import SETTINGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
THEIRS = ("exponential-heun", "horizon-attention")


class Environment:
    """A virtual environment with the wheels of both distributions: no editable installation, no borrowed paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        wheels = folder / "wheels"
        build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels)
        for source in (ROOT, ROOT / "tests" / "thirdparty"):
            self.run(*build, source)
        self.run(sys.executable, "-m", "venv", folder / "venv")
        ours, theirs = (next(wheels.glob(f"{name}-*.whl")) for name in ("sssd_registry", "sssd_thirdparty"))
        self.pip("install", "--constraint", ROOT / "constraints.txt", f"{ours}[export]", theirs, "pytest")

    def run(self, *command: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """A command, here, without the caller's Python paths."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        words = [str(part) for part in command]
        done = subprocess.run(words, cwd=self.folder, env=clean, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) is fails, f"{words}\n{done.stdout}\n{done.stderr}"
        return done

    def pip(self, *arguments: object) -> None:
        self.run(self.bin / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)

    def sssd(self, *arguments: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
        return self.run(self.bin / "sssd", *arguments, fails=fails)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("thirdparty"))


def listed(environment: Environment) -> dict[str, tuple[str, str, str]]:
    rows = json.loads(environment.sssd("plugins", "--json").stdout)
    return {row["name"]: (row["distribution"], row["version"], row["status"]) for row in rows}


def test_it_passes_the_suites_that_its_author_runs(environment: Environment) -> None:
    tests = shutil.copy(ROOT / "tests" / "thirdparty" / "conformance.py", environment.folder / "test_conformance.py")
    said = environment.run(environment.bin / "python", "-m", "pytest", "-q", tests).stdout
    assert " passed" in said


def test_from_installation_to_uninstallation(environment: Environment, tiny_frame: pd.DataFrame) -> None:
    tiny_frame.to_csv(environment.folder / "bars.csv", index=False)
    found = listed(environment)
    for name in THEIRS:
        assert found[name] == ("sssd-thirdparty", "1.2.3", "ok")

    settings = [word for setting in SETTINGS if "head_options" not in setting for word in ("--set", setting)]
    theirs = ("--set", "model.head=horizon-attention", "--set", "model.head_options={width = 12}")
    environment.sssd("train", "bars.csv", "--out", "model", *settings, *theirs)

    few = ("--schedulers", "exponential-heun,ddim", "--steps", "3,6", "--max-windows", 6, "--samples", 8)
    rows = json.loads(environment.sssd("compare", "model", "bars.csv", *few, "--json").stdout)["rows"]
    assert {(row["scheduler"], row["calls"]) for row in rows} == {
        ("exponential-heun", 5), ("exponential-heun", 11), ("ddim", 3), ("ddim", 6)
    }  # fmt: skip

    scheduler = ("--scheduler", "exponential-heun:power=1.5", "--steps", 5)
    made = environment.sssd("forecast", "model", "bars.csv", *scheduler).stdout
    exported = environment.run(environment.bin / "sssd-export", "model", *scheduler, "--out", "engine", "--json")
    manifest = json.loads(exported.stdout)
    assert (manifest["scheduler"], manifest["num_calls"]) == ("exponential-heun:power=1.5", 9)
    assert manifest["parity"]["max_error"] <= 1e-4
    same = environment.sssd("forecast", "engine", "bars.csv").stdout
    assert same.split()[:12] == made.split()[:12]
    assert len(same.splitlines()) == 3

    environment.pip("uninstall", "--yes", "sssd-thirdparty")
    assert not set(THEIRS) & set(listed(environment))
    gone = environment.sssd("forecast", "model", "bars.csv", fails=True)
    assert gone.returncode == 2
    assert gone.stderr.startswith("error: no head named 'horizon-attention'")
    assert gone.stderr.count("\n") == 1
    assert environment.sssd("forecast", "engine", "bars.csv").stdout == same  # which needs neither
