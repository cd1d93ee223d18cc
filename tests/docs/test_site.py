"""The site builds without a warning, and what is written from the code has all of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cli_runner import sssd, sssd_export
from markdown_pages import DOCS, ROOT

import sssd_registry


@pytest.fixture(scope="module")
def written() -> Iterator[ModuleType]:
    """The hook that writes reference pages; its modules import each other by their bare names."""
    folder = str(DOCS / "hooks")
    sys.path.insert(0, folder)
    try:
        import pages

        yield pages
    finally:
        sys.path.remove(folder)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings", reason="the docs extra is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference" / "python.html").read_text()
    for name in sssd_registry.__all__:
        assert name == "__version__" or f'id="sssd_registry.{name}"' in page, name
    assert (tmp_path / "site" / "reference" / "modules" / "sssd_registry.data.html").exists()


def test_every_command_is_in_the_reference(written: ModuleType) -> None:
    text = written.WRITTEN["reference/cli.md"]()
    for program, run in (("sssd", sssd), ("sssd-export", sssd_export)):
        listed = re.findall(r"^  ([a-z-]+)  ", run("--help").out.partition("Commands:")[2], re.MULTILINE)
        assert len(listed) >= 6
        for name in listed:
            section = text.partition(f"\n### {program} {name}\n")[2].partition("\n##")[0]
            for option in re.findall(r"^  (--[a-z-]+)", run(name, "--help").out, re.MULTILINE):
                assert option in section, f"{program} {name} {option}"


def test_every_setting_is_in_the_reference(written: ModuleType) -> None:
    text = written.WRITTEN["reference/configuration.md"]()
    for section, keys in sssd_registry.Config().model_dump().items():
        part = text.partition(f"\n## [{section}]\n")[2].partition("\n## ")[0]
        for key in keys:
            assert f"\n| `{key}` | " in part, f"{section}.{key}"


def test_every_plugin_of_ours_is_in_the_directory(written: ModuleType) -> None:
    text = written.WRITTEN["plugins.md"]()
    entries = json.loads(sssd("plugins", "--json").out)
    ours = [entry for entry in entries if entry["distribution"] == "sssd-registry"]
    assert len(ours) > 30
    for entry in ours:
        assert f"| `{entry['name']}` | " in text, entry
    for shown in (
        "`width: int = 128`",
        "`timestep_spacing: 'trailing' \\| 'leading' = 'trailing'`",
        "`rho: float = 7.0`",
    ):
        assert shown in text


def test_every_module_has_a_page(written: ModuleType) -> None:
    shown = {name for page in written.module_pages(ROOT).values() for name in re.findall(r"^::: (\S+)", page, re.M)}
    for place in (
        "sssd_registry",
        "plugins/sssd_heads",
        "plugins/sssd_schedulers",
        "plugins/sssd_trackers",
        "plugins/sssd_metrics",
        "export/sssd_export",
    ):
        top = ROOT / place
        for file in top.rglob("*.py"):
            name = ".".join([top.name, *file.relative_to(top).with_suffix("").parts]).removesuffix(".__init__")
            assert name in shown, name


def test_the_rooms_of_the_picture_are_those_of_the_packages() -> None:
    text = (DOCS / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "sssd_registry").glob("*/__init__.py")}
    picture = text.partition("## Rooms")[2].partition("```\n")[0]
    table = text.partition("| room |")[2]
    for room in rooms | {path.parent.name for path in (ROOT / "export/sssd_export").glob("*/__init__.py")}:
        assert re.search(rf"\b{room}\b", picture), f"{room}: not in the picture"
        assert re.search(rf"\b{room}\b", table), f"{room}: not in the table"
    for named in re.findall(r"`sssd_registry/(\w+)`", text):
        assert named in rooms, f"no room {named}"


def test_words_with_one_meaning_are_in_the_glossary() -> None:
    text = (DOCS / "glossary.md").read_text()
    for word in ("part", "step", "start", "target", "loop"):
        assert text.count(f"\n| *{word}* | ") == 1
