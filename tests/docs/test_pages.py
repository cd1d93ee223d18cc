"""Every command shown in the documents has the options it is shown with, and every Python block runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from cli_runner import Outcome, sssd, sssd_export
from markdown_pages import NOT_RUN, ROOT, blocks, commands, name_of, pages, run_python

MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Shown, and run by others: containers, and the tests of a plugin that a reader has yet to write.
FOREIGN = {"torchrun", "accelerate", "docker", "pytest", "python"}
RUNNERS: dict[str, Callable[..., Outcome]] = {"sssd": sssd, "sssd-export": sssd_export}


def shown() -> list[tuple[str, str, list[str]]]:
    """Every command: its page, its program, its words."""
    return [
        (name_of(page), words[0], words[1:])
        for page in pages()
        for block in blocks(page)
        if block.language == "bash"
        for words in commands(block)
    ]


def ours() -> list[tuple[str, ...]]:
    """Commands of ours, once each, without their values: program, command, options."""
    made = {(program, *words) for _, program, words in shown() if program in RUNNERS}
    inline = re.compile(r"`(sssd(?:-export)? [a-z][^`…]*)`")
    for page in pages():
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        made |= {tuple(found.split()) for found in inline.findall(text)}
    return sorted(made)


def test_programs_are_known() -> None:
    assert {program for _, program, _ in shown()} <= {*RUNNERS, *FOREIGN, "make", "pip"}


@pytest.mark.parametrize("command", ours(), ids=" ".join)
def test_commands_have_the_options_they_are_shown_with(command: tuple[str, ...]) -> None:
    program, name, *words = command
    done = RUNNERS[program](name, "--help")
    assert done.code == 0, done.err
    for option in (word for word in words if re.match(r"--[a-z]", word)):
        assert option in done.out, f"no {option}"
    assert re.search(rf"^Usage: .*\b{name} \[OPTIONS\]", done.out, re.MULTILINE), "no such command"


def test_make_targets_exist() -> None:
    named = {words[0] for _, program, words in shown() if program == "make"}
    for page in pages():
        named |= set(re.findall(r"`make (\w+)`", page.read_text()))
    assert {"demo", "test", "bench", "readme", "compare", "claims", "accuracy", "docs", "lint", "faults"} <= named
    for target in named:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_extras_exist() -> None:
    extras = set(PROJECT["optional-dependencies"])
    for page, program, words in shown():
        for extra in re.findall(r"(?:^| )\.\[([\w,-]+)\]", " ".join(words[1:]) if program == "pip" else ""):
            assert set(extra.split(",")) <= extras, f"{page}: {extra}"
    engine = ROOT / "engine" / "pyproject.toml"
    offered = tomllib.loads(engine.read_text())["project"]["optional-dependencies"] if engine.exists() else {}
    asked = {name for page in pages() for name in re.findall(r"(?:sssd-|\./)engine\[([\w-]+)\]", page.read_text())}
    assert "onnx" in asked
    assert asked <= set(offered)


def test_settings_shown_exist() -> None:
    from sssd_registry import load_config

    settings = [
        word for _, program, words in shown() if program == "sssd"
        for option, word in pairwise(words) if option == "--set"
    ]  # fmt: skip
    assert len(settings) > 8
    for setting in settings:
        load_config(None, [setting])
    inline = re.compile(r"`((?:data|model|training)\.(?!checkpoint)\w+)(=[^`]*)?`")
    for page in pages():
        for key, value in inline.findall(page.read_text()):
            section, _, name = key.partition(".")
            assert name in load_config().model_dump()[section], f"{name_of(page)}: {key}{value}"


def test_the_large_sizes_shown_are_those_that_are_measured() -> None:
    from sssd_registry import Config

    (shown,) = [
        tomllib.loads(block.text) for block in blocks(ROOT / "docs/how-to/train.md") if block.language == "toml"
    ]
    assert Config.model_validate(shown).model.components == 32
    measured = tomllib.loads((ROOT / "benchmarks" / "reference.toml").read_text())
    assert shown["model"] == measured["model"]
    assert shown["data"] == measured["data"] | {"target_kind": "log-return"}


def test_what_is_not_run_says_why() -> None:
    marked = [block for page in pages() for block in blocks(page) if not block.runs]
    assert len(marked) <= 1, "nothing but what needs an account"
    for page in pages():
        assert all(line.endswith(" -->") for line in page.read_text().splitlines() if line.startswith(NOT_RUN))


def python_pages() -> list[Path]:
    """Pages with Python, but for tutorials: these run with their commands."""
    return [
        page
        for page in pages()
        if page.parent.name != "tutorials" and any(block.language == "python" for block in blocks(page))
    ]


# What is written as a batch is run as one: a page's blocks share their names.
@pytest.mark.parametrize("page", python_pages(), ids=name_of)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # GluonTS's of pandas' frequencies
def test_python_blocks_run(page: Path, prepared: Path) -> None:
    run_python([block for block in blocks(page) if block.language == "python" and block.runs], page)


def test_every_kind_of_block_is_seen() -> None:
    languages = {block.language for page in pages() for block in blocks(page)}
    assert languages == {"bash", "python", "toml", "text", "mermaid", "javascript"}
    fences = sum(page.read_text().count("\n```") for page in pages())
    assert fences == 2 * sum(len(blocks(page)) for page in pages())


def test_pages_have_short_sentences() -> None:
    """The median sentence is at most 14 words; a figure, a link or an option counts as one."""
    counts = []
    for page in pages():
        text = re.sub(r"```.*?```|<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
        text = re.sub(r"^\|.*$|^#.*$", "", text, flags=re.MULTILINE)
        text = re.sub(r"`[^`]*`|!?\[([^\]]*)\]\([^)]*\)", r"x\1", text)
        for paragraph in re.split(r"\n\s*\n|\n(?=- |\d\. )", text):
            sentences = re.split(r"(?<=[.!?:;])\s+", " ".join(paragraph.split()).lstrip("- "))
            counts += [len(sentence.split()) for sentence in sentences if len(sentence.split()) > 2]
    assert sorted(counts)[len(counts) // 2] <= 14
    assert max(counts) <= 45


def test_words_that_are_not_ours_any_more() -> None:
    for page in pages():
        text = page.read_text()
        for old in ("linear start", "CRPS9", "the reference's", "sssd_export import load_engine"):
            assert old not in text, f"{name_of(page)}: {old}"
