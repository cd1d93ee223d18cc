"""The notebooks are committed as `make notebooks` wrote them, and run anew to outputs of the same kinds."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebooks extra is not installed")
pytest.importorskip("ipykernel", reason="the notebooks extra is not installed")

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NAMES = ("energy", "fx", "plugin")
SHORT = ("--set", "MAX_STEPS=10", "--set", "WINDOWS=30")
TREE = Any  # a notebook, or a part of it, as JSON


def read(path: Path) -> TREE:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook: TREE) -> list[TREE]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def kinds(cell: TREE) -> list[tuple[str, ...]]:
    """Of each output: text, table or picture."""
    return [(output["output_type"], *sorted(output.get("data", ()))) for output in cell["outputs"]]


def printed(name: str) -> str:
    """Everything that the committed notebook printed."""
    outputs = [output for cell in code_cells(read(FOLDER / f"{name}.ipynb")) for output in cell["outputs"]]
    return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """docs/notebooks/execute.py."""
    spec = importlib.util.spec_from_file_location("execute", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_notebook_is_left_out() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_committed_executed_in_order_and_fit_to_be_kept(name: str, tool: ModuleType) -> None:
    path = FOLDER / f"{name}.ipynb"
    notebook = read(path)
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any("image/png" in kind for cell in cells for kind in kinds(cell))
    text = path.read_text(encoding="utf-8")
    tool.check(nbformat.from_dict(notebook), text)
    assert not re.search(r"/(home|root|tmp|work|Users)/", re.sub(r'"image/png": "[^"]*"', "", text))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_anew_to_outputs_of_the_same_kinds(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "execute.py", FOLDER / f"{name}.ipynb", "--out", tmp_path, *SHORT],
        capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    committed, made = read(FOLDER / f"{name}.ipynb"), read(tmp_path / f"{name}.ipynb")
    assert committed["metadata"] == made["metadata"]
    for old, new in zip(committed["cells"], made["cells"], strict=True):
        if old["cell_type"] == "code":
            assert kinds(old) == kinds(new), "".join(old["source"])
        changed = "parameters" in old["metadata"].get("tags", ())
        assert (old["source"] != new["source"]) is changed


def test_what_the_texts_say_of_the_numbers_is_so() -> None:
    """Gains in scale, not in direction; near the law; a solver of second order that needs fewer calls than DDIM."""
    fx, energy, plugin = (printed(name) for name in ("fx", "energy", "plugin"))
    assert 0.9 < float(re.search(r"beside the random walk's: ([\d.]+)", fx)[1]) < 1  # type: ignore[index]
    assert 0 < int(re.search(r"above the law's: (\d+)%", energy)[1]) < 20  # type: ignore[index]
    assert float(re.search(r"beside the seasonal naive's: ([\d.]+)", energy)[1]) < 0.7  # type: ignore[index]
    orders = dict(re.findall(r"(\S+): order of convergence ([\d.]+)", plugin))
    assert float(orders["ddim"]) < 1.25
    assert float(orders["two-step"]) > 1.75
    assert "the network is in use" in plugin
    calls = dict(re.findall(r"(\S+) is within 1 % of the best from (\d+) network calls on", plugin))
    assert int(calls["two-step"]) < int(calls["ddim"])
    assert plugin.count("PASSED") == 11


def notebook_of(tool: ModuleType, source: str, *outputs: TREE) -> TREE:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}, outputs=list(outputs))
    return nbformat.v4.new_notebook(cells=[cell])


def test_what_is_not_fit_to_be_kept_is_refused(tool: ModuleType) -> None:
    def stream(name: str, text: str) -> TREE:
        return nbformat.v4.new_output("stream", name=name, text=text)

    for output, reason in (
        (stream("stderr", "Warning: deprecated"), "standard error"),
        (stream("stdout", f"wrote {tempfile.gettempdir()}/model"), "path of this machine"),
        (stream("stdout", f"wrote {Path.cwd()}"), "path of this machine"),
        (stream("stdout", "x" * tool.MAX_BYTES), "smaller"),
    ):
        notebook = notebook_of(tool, "1", output)
        with pytest.raises(tool.NotebookError, match=reason):
            tool.check(notebook, nbformat.writes(notebook))
    fine = notebook_of(tool, "1", stream("stdout", "wrote model"))
    tool.check(fine, nbformat.writes(fine))


def test_parameters_are_changed_where_they_are_assigned(tool: ModuleType) -> None:
    notebook = notebook_of(tool, "MAX_STEPS = 300  # of training\nSTEPS = 4\nMAX_STEPS_2 = 1")
    tool.set_parameters(notebook, {"MAX_STEPS": "7"})
    assert notebook.cells[0].source == "MAX_STEPS = 7  # of training\nSTEPS = 4\nMAX_STEPS_2 = 1"
    with pytest.raises(tool.NotebookError, match="no assignment WINDOWS"):
        tool.set_parameters(notebook, {"WINDOWS": "7"})


def test_a_cell_that_fails_ends_with_its_error(tmp_path: Path) -> None:
    path = tmp_path / "wrong.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    command = [sys.executable, FOLDER / "execute.py", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: wrong.ipynb: a cell failed: ZeroDivisionError" in done.stderr
    assert path.read_bytes() == before
