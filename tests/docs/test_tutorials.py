"""Every tutorial runs from its first line to its last, in an empty folder; models are tiny and train in a second."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import sssd, sssd_export
from markdown_pages import DOCS, Block, blocks, commands, name_of, run_python

from sssd_registry.testing.tiny_model import SETTINGS

TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
# What a test adds to a command, so that it is fast: last, so that it wins over what is shown.
SMALL = [part for setting in SETTINGS if not setting.startswith("data.horizons") for part in ("--set", setting)]
AUTO = ["--scheduler", "ddim", "--steps", "4", "--target", "onnx", "--loop", "unrolled", "--max-crps-loss", "50%"]
ADDED = {
    ("sssd", "train"): SMALL,
    ("sssd", "compare"): ["--max-windows", "4", "--samples", "8"],
    ("sssd", "evaluate"): ["--max-windows", "8", "--samples", "8"],
    ("sssd-export", "build"): ["--steps", "4"],
    ("sssd-export", "auto"): ["--max-windows", "4", "--samples", "8", *AUTO],
}
# Not commands of ours; tests/docs/test_pages.py looks at them.
SKIPPED = {"pip", "pytest"}


@pytest.mark.parametrize("page", [page for page in TUTORIALS if page.stem != "write-a-plugin"], ids=name_of)
def test_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "documents"}
    for block in blocks(page):
        if block.language == "python":
            run_python([block], page, names)
        elif block.language == "bash":
            run_commands(block)


def run_commands(block: Block) -> None:
    """Run the commands of a block, in this process."""
    for program, name, *words in commands(block):
        if program in SKIPPED:
            continue
        run = {"sssd": sssd, "sssd-export": sssd_export}[program]
        done = run(name, *words, *ADDED.get((program, name), []))
        assert done.code == 0, f"{program} {name} {' '.join(words)}: {done.err}"


def test_the_new_plugin_of_the_tutorial_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = next(block for block in blocks(DOCS / "tutorials/write-a-plugin.md") if block.language == "bash")
    run_commands(first)
    assert (tmp_path / "my-solver" / "pyproject.toml").exists()


def test_the_plugin_of_the_tutorial_passes_the_suite_and_compiles(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its blocks run in order, as one module; then its commands, with the plugin registered under the name shown."""
    page = DOCS / "tutorials/write-a-plugin.md"
    made = blocks(page)
    module = types.ModuleType("my_solver")  # as an installed plugin is one: its classes are found by their names
    monkeypatch.setitem(sys.modules, "my_solver", module)
    names = run_python([block for block in made if block.language == "python"], page, vars(module))
    with registered(names):
        suite = names["TestMine"]()  # type: ignore[operator]
        for check in [check for check in dir(suite) if check.startswith("test_")]:
            if check != "test_compile_parity":  # the build below checks the same
                getattr(suite, check)()
        last = next(block for block in made if block.language == "bash" and "sssd compare" in block.text)
        run_commands(Block("bash", last.text.replace("--out engine", "--out new-engine"), True))
        assert (prepared / "new-engine" / "manifest.json").exists()


@contextlib.contextmanager
def registered(names: dict[str, object]) -> Iterator[None]:
    """Let the process's registry have the schedulers of a plugin, beside all others."""
    from sssd_registry.plugin_api.discovery import Entry
    from sssd_registry.plugin_api.registry import registry

    (spec,) = names["register_schedulers"]()  # type: ignore[operator]
    known = registry()
    before = known.entries
    entry = Entry("scheduler", spec.name, spec.summary, "p", "d", "1", spec=spec)
    object.__setattr__(known, "entries", (*before, entry))  # the one object that everybody has been given
    try:
        yield
    finally:
        object.__setattr__(known, "entries", before)


def test_every_tutorial_is_run() -> None:
    assert [page.stem for page in TUTORIALS] == ["deploy-an-engine", "forecast-a-csv", "write-a-plugin"]
