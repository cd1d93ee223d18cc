"""What the README tells a reader to type exists."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
from cli_runner import sssd, sssd_export

from sssd_registry.config import Config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith(("sssd ", "sssd-export "))]


@pytest.mark.parametrize("command", commands())
def test_commands_have_the_options_they_are_shown_with(command: str) -> None:
    program, *words = shlex.split(command)
    run, words = (sssd_export, ["--help"]) if program == "sssd-export" else (sssd, [words[0], "--help"])
    text = run(*words).out
    for option in re.findall(r"--[a-z-]+", command):
        assert option in text, f"{command}: no {option}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`make (\w+)`", README)) | {"demo", "test"}
    assert {"demo", "test", "bench", "readme", "compare", "claims"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_configuration_shown_is_valid() -> None:
    shown = [tomllib.loads(block) for block in blocks("toml")]
    configs = [tree for tree in shown if "model" in tree]
    assert len(configs) == 1
    assert Config.model_validate(configs[0]).model.latent_size == 256
    reference = tomllib.loads((ROOT / "benchmarks" / "reference.toml").read_text())
    assert configs[0]["model"] == reference["model"]
    assert configs[0]["data"] == reference["data"] | {"target_kind": "log-return"}


def test_the_plugin_shown_passes_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    from sssd_registry.plugin_api.discovery import Entry
    from sssd_registry.plugin_api.registry import Registry
    from sssd_registry.testing import SchedulerConformance
    from sssd_registry.testing import schedulers as suite_module

    source = next(block for block in blocks("python") if "register_schedulers" in block)
    names: dict[str, object] = {}
    exec(source, names)
    (spec,) = names["register_schedulers"]()  # type: ignore[operator]
    made = Registry((Entry("scheduler", spec.name, spec.summary, "p", "d", "1", spec=spec),))
    for module in (suite_module, sys.modules["sssd_registry.plugin_api.make_scheduler"]):
        monkeypatch.setattr(module, "registry", lambda: made)
    suite = type("Suite", (SchedulerConformance,), {"name": spec.name})()
    for check in [check for check in dir(suite) if check.startswith("test_")]:
        getattr(suite, check)()


def test_the_section_for_authors_is_short() -> None:
    section = README.partition("## Write a plugin\n")[2].partition("\n## ")[0]
    assert section.count("\n") < 40


def test_pictures_exist_and_tables_are_filled() -> None:
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README, re.DOTALL):
        assert (ROOT / picture).is_file(), picture
    for marker in ("demo", "bench", "compare", "overhead"):
        found = re.search(rf"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", README, re.DOTALL)
        assert found, marker
        assert found[1].count("|") > 20, f"{marker}: run `make readme`"
