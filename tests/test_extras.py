"""Without an extra's package: one line that says what to install, before any work; and everything else works."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.errors import SSSDError
from sssd_registry.extras import _EXTRAS, require
from sssd_registry.plots.plot_tableau import plot_tableau
from sssd_registry.sampling.tableau import SolverTableau

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pyarrow nor matplotlib can be found."""
    for name in ("pyarrow", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is opened is a failure: the line comes too late."""

    def opened(*_: object, **__: object) -> None:
        pytest.fail("the model was opened")

    monkeypatch.setattr("sssd_registry.model_or_engine.open_forecaster", opened)
    monkeypatch.setattr("sssd_registry.comparison.compare.compare", opened)


@pytest.mark.usefixtures("hidden", "no_model")
def test_forecast_says_what_to_install_before_it_opens_the_model(
    tiny_model: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    def line(data: Path, *options: object) -> str:
        return error_line(sssd("forecast", tiny_model, data, *options))

    parquet, png = tmp_path / "x.parquet", tmp_path / "x.png"
    assert line(tiny_csv, "--plot", png) == "--plot needs matplotlib: pip install 'sssd-registry[plot]'"
    assert line(tiny_csv, "--out", parquet) == f"writing {parquet} needs pyarrow: pip install 'sssd-registry[parquet]'"
    parquet.write_bytes(b"PAR1")
    assert line(parquet) == f"reading {parquet} needs pyarrow: pip install 'sssd-registry[parquet]'"


@pytest.mark.usefixtures("hidden", "no_model")
def test_compare_and_train_say_it_before_any_work(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    said = error_line(sssd("compare", tiny_model, tiny_csv, "--plot", tmp_path / "x.png"))
    assert said == "--plot needs matplotlib: pip install 'sssd-registry[plot]'"
    (tmp_path / "x.pq").write_bytes(b"PAR1")
    said = error_line(sssd("train", tmp_path / "x.pq", "--out", tmp_path / "model"))
    assert said == f"reading {tmp_path / 'x.pq'} needs pyarrow: pip install 'sssd-registry[parquet]'"
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("hidden")
def test_a_csv_is_forecast_without_them(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    done = sssd("forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 4, "--out", tmp_path / "f.csv")
    assert done.code == 0, done.err
    assert np.isfinite(pd.read_csv(tmp_path / "f.csv").select_dtypes("number")).all(axis=None)


@pytest.mark.usefixtures("hidden")
def test_drawing_from_python_says_it_too(tmp_path: Path) -> None:
    tableau = SolverTableau(1, np.array([9.0]), np.array([[1.0, 0.0], [0.5, 0.5]]), ())
    with pytest.raises(SSSDError, match=r"^a picture needs matplotlib: pip install 'sssd-registry\[plot\]'$"):
        plot_tableau(tableau, tmp_path / "x.png")


def test_the_gluonts_adapter_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gluonts"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gluonts", None)
    monkeypatch.delitem(sys.modules, "sssd_registry.adapters.gluonts", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"needs gluonts.*pip install 'sssd-registry\[gluonts\]'"):
        __import__("sssd_registry.adapters.gluonts")


def test_what_is_installed_passes() -> None:
    require("pyarrow", "this")
    require("matplotlib", "this")


def _named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requirements}


def test_every_extra_that_a_message_names_exists_and_is_no_dependency() -> None:
    sources = [*ROOT.glob("sssd_registry/**/*.py"), *ROOT.glob("plugins/**/*.py"), *ROOT.glob("export/**/*.py")]
    named = {name for file in sources for name in re.findall(r"sssd-registry\[([\w-]+)\]", file.read_text())}
    assert {"plot", "gluonts", "sde"} <= named
    assert named | set(_EXTRAS.values()) <= set(EXTRAS)
    optional = {"pyarrow", "matplotlib", "gluonts", "torchsde", "onnx", "onnxscript"}
    assert not optional & _named(PROJECT["dependencies"])


def test_a_requirement_is_written_once() -> None:
    """Extras refer to each other; a version that is wrong in one place only is not to be had."""
    lists = [PROJECT["dependencies"], *EXTRAS.values()]
    written = [text for requirements in lists for text in requirements if re.search(r"[<>=]", text)]
    names = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in written]
    assert sorted(names) == sorted(set(names))
