"""Packages as shipped: a wheel with four packages, one with the engines' runtime, and both work away from here."""

from __future__ import annotations

import configparser
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from processes import build_wheel, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# Import package -> where its files are in the checkout.
PACKAGES = {
    "sssd_registry": ROOT / "sssd_registry",
    "sssd_schedulers": ROOT / "plugins" / "sssd_schedulers",
    "sssd_heads": ROOT / "plugins" / "sssd_heads",
    "sssd_trackers": ROOT / "plugins" / "sssd_trackers",
    "sssd_metrics": ROOT / "plugins" / "sssd_metrics",
    "sssd_export": ROOT / "export" / "sssd_export",
}
ENGINE = ROOT / "engine" / "sssd_engine"
# Of an environment with the engine runtime and ONNX Runtime, all that they depend on included.
LARGEST = 160e6

WITHOUT_TORCH = """
import importlib.util, sys
import numpy as np
from sssd_engine import EngineError, load_engine

folder, saved = sys.argv[1:]
given = dict(np.load(saved))
expected = given.pop("expected")
engine = load_engine(folder)
samples = engine(given, num_samples=expected.shape[1], seed=11).samples
error = np.abs(samples - expected) / expected.std(axis=1, keepdims=True)
assert samples.shape == expected.shape, samples.shape
assert error.max() <= 1e-4, error.max()
assert importlib.util.find_spec("torch") is None
assert importlib.util.find_spec("pandas") is None
unwanted = {"torch", "pandas", "pluggy", "sssd_registry", "sssd_export"} & set(sys.modules)
assert not unwanted, unwanted
assert importlib.util.find_spec("sssd_registry") is None
try:
    engine("prices.csv")
except EngineError as error:
    assert "sssd-registry" in str(error), error
try:
    load_engine(saved + ".d")
except EngineError:
    print("same forecast")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def engine_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the engines' runtime."""
    return build_wheel(ROOT / "engine", tmp_path_factory.mktemp("engine-wheel"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, engine_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels, installed into a folder of their own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target")
    run(*pip, folder, wheel, engine_wheel, cwd=folder)
    return folder


def test_the_wheels_hold_the_packages_and_nothing_else(wheel: Path, engine_wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        seen = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        f"{name}/{file.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert seen == expected
    with zipfile.ZipFile(engine_wheel) as archive:
        runtime = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert runtime == {f"sssd_engine/{file.name}" for file in ENGINE.iterdir() if file.is_file()}
    assert {f"{name}/py.typed" for name in PACKAGES} <= seen
    kinds = (".py", "/py.typed", ".py.txt", ".md.txt", ".toml.txt")  # the last three: templates of `sssd new-plugin`
    page = tuple(f"sssd_registry/report/page.{kind}" for kind in ("html", "css", "js"))
    assert set(page) <= seen
    of_engines = tuple(name for name in seen if name.startswith("sssd_export/web/page/"))
    assert {name.rpartition(".")[2] for name in of_engines} == {"html", "css", "js"}
    assert all(name.endswith((*kinds, *page, *of_engines)) for name in seen)


def test_the_wheel_declares_scripts_plugins_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        parser = configparser.ConfigParser()
        (points,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        parser.read_string(archive.read(points).decode())
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    assert dict(parser["console_scripts"]) == {"sssd": "sssd_registry.cli:main", "sssd-export": "sssd_export.cli:main"}
    targets = {f"sssd_export.targets.{name}" for name in ("onnx", "openvino", "tensorrt", "tensorrt_rtx", "torch_aot")}
    assert set(parser["sssd_registry"].values()) == {
        "sssd_schedulers",
        "sssd_heads",
        "sssd_trackers",
        "sssd_metrics",
        *targets,
    }


def test_the_installed_wheel_is_what_runs(elsewhere: Path, tmp_path: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(*(m.__file__ for m in ({', '.join(PACKAGES)})), sep=chr(10))"
    files = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(elsewhere)).split()
    assert [Path(file) for file in files] == [elsewhere / name / "__init__.py" for name in PACKAGES]


def test_both_console_scripts_run_from_elsewhere(elsewhere: Path, tmp_path: Path) -> None:
    sssd, export = (elsewhere / "bin" / name for name in ("sssd", "sssd-export"))
    path = {"PYTHONPATH": str(elsewhere), "COLUMNS": "120"}
    assert "forecast" in run(sssd, "--help", cwd=tmp_path, **path)
    assert "--scheduler" in run(export, "build", "--help", cwd=tmp_path, **path)
    rows = json.loads(run(sssd, "plugins", "--json", cwd=tmp_path, **path))
    named = {(row["kind"], row["name"]) for row in rows if row["distribution"] == "sssd-registry"}
    assert {("scheduler", "ddim"), ("scheduler", "ddpm"), ("scheduler", "dpmsolver++")} <= named
    assert {("head", "mlp"), ("target", "onnx")} <= named
    statuses = {row["status"].partition(":")[0] for row in rows if row["distribution"] == "sssd-registry"}
    here = {"ok", "unavailable", "available"}
    assert here <= statuses <= here | {"not installed", "can build, cannot run here", "cannot build here"}, rows
    assert "dpmsolver++" in run(sssd, "plugins", cwd=tmp_path, **path)


def test_tests_run_on_this_checkout(tmp_path: Path) -> None:
    """The editable installation points here, so that edits are seen; not at a copy."""
    code = f"import {', '.join(PACKAGES)}; print(*(m.__file__ for m in ({', '.join(PACKAGES)})), sep=chr(10))"
    files = run(sys.executable, "-c", code, cwd=tmp_path).split()
    assert [Path(file).resolve() for file in files] == [folder / "__init__.py" for folder in PACKAGES.values()]


def test_an_engine_runs_where_there_is_no_torch(
    engine_wheel: Path, tiny_model: Path, tiny_engine: Path, tiny_frame: pd.DataFrame, tmp_path: Path
) -> None:
    """In a fresh environment with the runtime and what it asks for, which is small: the eager pipeline's forecast."""
    from sssd_export.forecaster import engine_inputs
    from sssd_registry.data.origins import all_origins
    from sssd_registry.data.windows import windows_at
    from sssd_registry.pipeline import SSSDPipeline

    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    source = pipeline.source(tiny_frame)
    windows = windows_at(source, all_origins(source).take(np.array([5, 60, 200])))
    expected = pipeline(windows, num_inference_steps=6, num_samples=25, generator=11).samples
    np.savez(tmp_path / "given.npz", expected=expected, **engine_inputs(windows))

    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, "--constraint", ROOT / "constraints.txt", f"{engine_wheel}[onnx]", cwd=tmp_path)
    said = run(python, "-c", WITHOUT_TORCH, tiny_engine, tmp_path / "given.npz", cwd=tmp_path)
    assert said == "same forecast\n"
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    assert sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) <= LARGEST
