"""Somebody else's distribution, in an environment of its own: listed, trained with, compared, exported, run, gone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from processes import build_wheel, finish

from sssd_registry.testing import HeadConformance, SchedulerConformance
from sssd_registry.testing.tiny_model import SETTINGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
THEIRS = ("exponential-heun", "horizon-attention")


class Environment:
    """A virtual environment with the wheels of ours and of theirs: no editable installation, no borrowed paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        ours = build_wheel(ROOT, folder / "ours")
        runtime = build_wheel(ROOT / "engine", folder / "runtime")
        theirs = build_wheel(ROOT / "tests" / "thirdparty", folder / "theirs")
        self.run(sys.executable, "-m", "venv", folder / "venv")
        self.pip("install", "--constraint", ROOT / "constraints.txt", runtime, f"{ours}[export]", theirs, "pytest")

    def run(self, *command: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """A command, here, without the caller's Python paths."""
        done = finish(*command, cwd=self.folder)
        assert (done.returncode != 0) is fails, f"{command}\n{done.stdout}\n{done.stderr}"
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


def forecast(environment: Environment, model: str, *options: object) -> pd.DataFrame:
    """Mean and quantiles, two horizons."""
    environment.sssd("forecast", model, "bars.csv", *options, "--out", "forecast.csv")
    return pd.read_csv(environment.folder / "forecast.csv")


def off(seen: pd.DataFrame, expected: pd.DataFrame) -> float:
    """Largest difference of a mean or quantile, as a share of the 90 % interval."""
    pd.testing.assert_frame_equal(seen.iloc[:, :4], expected.iloc[:, :4])  # origin, horizon, time, target
    width = (expected["0.95"] - expected["0.05"]).to_numpy()[:, None]
    return float((abs(seen.iloc[:, 4:] - expected.iloc[:, 4:]).to_numpy() / width).max())


def test_it_passes_the_suites_that_its_author_runs(environment: Environment) -> None:
    tests = shutil.copy(ROOT / "tests" / "thirdparty" / "conformance.py", environment.folder / "test_conformance.py")
    said = environment.run(environment.bin / "python", "-m", "pytest", "-q", tests).stdout
    checks = [check for suite in (SchedulerConformance, HeadConformance) for check in dir(suite) if "test_" in check]
    assert f"{len(checks)} passed" in said


def test_from_installation_to_uninstallation(environment: Environment, tiny_frame: pd.DataFrame) -> None:
    tiny_frame.to_csv(environment.folder / "bars.csv", index=False)
    found = listed(environment)
    for name in THEIRS:
        assert found[name] == ("sssd-thirdparty", "1.2.3", "ok")

    settings = [word for setting in SETTINGS if "head_options" not in setting for word in ("--set", setting)]
    theirs = ("--set", "model.head=horizon-attention", "--set", "model.head_options={width = 12}")
    environment.sssd("train", "bars.csv", "--out", "model", *settings, *theirs)
    # A dozen steps on a random walk are good for nothing, and the network would be left out.
    config = environment.folder / "model" / "config.json"
    stored = json.loads(config.read_text())
    stored["record"]["best_step"] = stored["record"]["steps"]
    config.write_text(json.dumps(stored))
    environment.sssd("check", "model", "--sign")

    few = ("--schedulers", "exponential-heun,ddim", "--steps", "3,6", "--max-windows", 6, "--samples", 8)
    rows = json.loads(environment.sssd("compare", "model", "bars.csv", *few, "--json").stdout)["rows"]
    assert {(row["scheduler"], row["calls"]) for row in rows} == {
        ("exponential-heun", 5), ("exponential-heun", 11), ("ddim", 3), ("ddim", 6)
    }  # fmt: skip

    scheduler = ("--scheduler", "exponential-heun:power=1.5", "--steps", 5)
    made = forecast(environment, "model", *scheduler)
    exported = environment.run(
        environment.bin / "sssd-export", "build", "model", *scheduler, "--out", "engine", "--json"
    )
    manifest = json.loads(exported.stdout)
    assert (manifest["scheduler"], manifest["num_calls"]) == ("exponential-heun:power=1.5", 9)
    assert manifest["parity"]["max_error"] <= 1e-4
    same = forecast(environment, "engine")
    assert len(same) == 2
    assert off(same, made) <= 1e-4
    assert off(forecast(environment, "engine", "--seed", 1), made) > 1e-2  # which is what the measure is to tell

    environment.pip("uninstall", "--yes", "sssd-thirdparty")
    assert not set(THEIRS) & set(listed(environment))
    gone = environment.sssd("forecast", "model", "bars.csv", fails=True)
    assert gone.returncode == 2
    told, error = gone.stderr.splitlines()
    assert told.startswith("data: ")
    assert error.startswith("error: no head named 'horizon-attention'")
    pd.testing.assert_frame_equal(forecast(environment, "engine"), same)  # which needs neither
