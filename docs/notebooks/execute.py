"""Executes notebooks and writes them back with their outputs: `make notebooks`.

    python docs/notebooks/execute.py [NOTEBOOK …] [--out FOLDER] [--set NAME=VALUE …]

Default: every notebook of this folder, in place. `--set` changes an assignment in the cell that is tagged
`parameters`; the tests shorten training so. A notebook that fails, warns, prints a path of this machine or grows
too large is not written.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

HERE = Path(__file__).parent
MAX_BYTES = 300_000
CELL_SECONDS = 600


class NotebookError(ValueError):
    """A notebook that is not fit to be kept, and why."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Execute notebooks and write them back with their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook beside this file")
    parser.add_argument("--out", type=Path, help="folder to write to; default: in place")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change a parameter")
    given = parser.parse_args(arguments)
    for path in given.notebooks or sorted(HERE.glob("*.ipynb")):
        try:
            text = executed(path, parameters(given.set))
        except (NotebookError, OSError) as error:
            raise SystemExit(f"error: {path.name}: {error}") from None
        out = (given.out or path.parent) / path.name
        out.write_text(text, encoding="utf-8")
        print(f"wrote {out} ({len(text) / 1000:.0f} kB)")


def parameters(settings: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` by name."""
    for setting in settings:
        if "=" not in setting:
            raise NotebookError(f"--set takes NAME=VALUE, got {setting!r}")
    return dict(setting.split("=", 1) for setting in settings)


def executed(path: Path, changed: dict[str, str]) -> str:
    """The notebook's JSON after its cells were run, in order, by a fresh kernel in an empty folder.

    Raises:
        NotebookError: a cell failed, or the notebook is not fit to be kept.
    """
    notebook = nbformat.read(path, as_version=4)
    set_parameters(notebook, changed)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as settings:
        os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm's, where there is no ipywidgets
        # The user's own start-up files have no say, and nothing is written to the home folder.
        os.environ |= {"IPYTHONDIR": settings, "JUPYTER_RUNTIME_DIR": settings}
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),  # without, ipykernel warns
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise NotebookError(f"a cell failed: {error.ename}: {error.evalue}\n{error.traceback}") from None
    tidy(notebook)
    text = str(nbformat.writes(notebook)) + "\n"
    check(notebook, text)
    return text


def set_parameters(notebook: Any, changed: dict[str, str]) -> None:
    """Change assignments `NAME = VALUE` of the cell tagged `parameters`.

    Raises:
        NotebookError: there is no such cell, or it lacks a name.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    for name, value in changed.items():
        pattern = re.compile(rf"^{re.escape(name)} = [^#\n]*?(?=  #|$)", re.MULTILINE)
        if len(cells) != 1 or not pattern.search(cells[0].source):
            raise NotebookError(f"no assignment {name} = … in a cell tagged parameters")
        cells[0].source = pattern.sub(f"{name} = {value}", cells[0].source)


def tidy(notebook: Any) -> None:
    """Leave nothing that differs from one run or machine to the next without a reason."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {"tags": cell.metadata.tags} if "tags" in cell.metadata else {}
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs with text that was printed in several pieces as one: where it is cut is chance."""
    kept: list[Any] = []
    for output in outputs:
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def check(notebook: Any, text: str) -> None:
    """Raise what speaks against keeping the notebook.

    Raises:
        NotebookError: output on standard error, a path of this machine, or too many bytes.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookError(f"a cell writes to standard error: {output.text.strip()[:500]}")
    for place in (tempfile.gettempdir(), sys.prefix, Path.home(), Path.cwd(), HERE.parents[1]):
        found = re.search(rf".{{0,80}}{re.escape(str(place))}(?![\w-]).{{0,80}}", text)
        if found and str(place) != "/":
            raise NotebookError(f"an output has a path of this machine in it; print a name instead: {found[0].strip()}")
    if len(text) > MAX_BYTES:
        raise NotebookError(f"{len(text) / 1000:.0f} kB, more than {MAX_BYTES / 1000:.0f}: draw smaller pictures")


if __name__ == "__main__":
    main()
