"""What CONTRIBUTING, the changelog and the templates on GitHub name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from cli_runner import sssd, sssd_export

ROOT = Path(__file__).parents[1]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
DOCUMENTS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / ".github" / "pull_request_template.md", *FORMS]
TEXT = "\n".join(path.read_text() for path in DOCUMENTS)
# In backticks, or the lines of a block.
SPANS = re.findall(r"`([^`\n]+)`", TEXT) + re.findall(r"^(?:\.venv/bin/)?(?:python|make|sssd).*$", TEXT, re.MULTILINE)


def named(*programs: str) -> list[str]:
    return sorted({span for span in SPANS if span.split()[0] in programs})


def test_the_documents_name_commands() -> None:
    assert len(named("make")) >= 10
    assert len(named("sssd", "sssd-export")) >= 10


@pytest.mark.parametrize("command", named("make"))
def test_make_targets_exist(command: str) -> None:
    target, *variables = command.split()[1:]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{command}: no such target"
    for variable in [text.partition("=")[0] for text in variables]:
        assert f"$({variable})" in makefile, f"{command}: the Makefile does not read {variable}"


@pytest.mark.parametrize("command", named("sssd", "sssd-export"))
def test_commands_exist_with_their_options(command: str) -> None:
    program, *words = shlex.split(command)
    commands = [word for word in words[:1] if not word.startswith("-")]
    shown = (sssd if program == "sssd" else sssd_export)(*commands, "--help")
    assert shown.code == 0, f"{command}: {shown.err}"
    for option in re.findall(r"--[a-z-]+", command):
        assert option in shown.out, f"{command}: no {option}"


def test_variables_of_make_are_read() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named_variables = {span for span in SPANS if re.fullmatch(r"[A-Z][A-Z_]{4,}", span)} - {"CHANGELOG"}
    assert {"SSSD_FUZZ_CASES", "KILLS"} <= named_variables
    for variable in named_variables:
        assert f"{variable} ?=" in makefile, variable


def test_files_exist() -> None:
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    run = re.findall(r"[\w/]+\.py\b", " ".join(SPANS))
    folders = [span for span in SPANS if re.fullmatch(r"[a-z_]+(/[a-z_]+)*/|tests/[a-z]+", span)]
    assert min(len(linked), len(run), len(folders)) >= 3
    for path in {*linked, *run, *folders}:
        assert any((ROOT / room / path).exists() for room in ("", "sssd_registry", "export/sssd_export")), path


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_are_what_github_takes(form: Path) -> None:
    tree = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= set(tree)
    ids = [field["id"] for field in tree["body"]]
    assert len(ids) == len(set(ids))
    for field in tree["body"]:
        assert field["type"] in ("input", "textarea")
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in tree["body"])


def test_the_changelog_tells_the_formats_of_today() -> None:
    from sssd_engine import manifest
    from sssd_registry.storage import model_folder

    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"Model folders have format {model_folder.FORMAT}:" in text
    assert f"Engine folders have format {manifest.FORMAT}:" in text
