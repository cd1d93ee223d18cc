"""``sssd new-plugin`` writes distributions that install, and pass their own tests as they are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cli_runner import error_line, full_disk, sssd
from processes import run

from sssd_registry.plugin_api.registry import registry


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "at_least"),
    [
        ("scheduler", 30),
        pytest.param("sampler", 36, marks=pytest.mark.long),
        pytest.param("head", 35, marks=pytest.mark.long),
        pytest.param("target", 10, marks=pytest.mark.long),
        pytest.param("tracker", 7, marks=pytest.mark.long),
        pytest.param("metric", 9, marks=pytest.mark.long),
    ],
)
def test_it_installs_and_passes_its_own_tests(kind: str, at_least: int, tmp_path: Path) -> None:
    name = f"some-{kind}"
    written = sssd("new-plugin", name, "--kind", kind, "--out", tmp_path)
    assert written.code == 0, written.err
    assert "pip install '.[test]'" in written.out
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--target", site, tmp_path / name, cwd=tmp_path)
    listed = run(Path(sys.executable).with_name("sssd"), "plugins", cwd=tmp_path, PYTHONPATH=str(site))
    assert re.search(rf"{kind} +{name} +{name} +0\.1\.0 +(ok|available)", listed), listed
    # Only its tests are copied away: what they test is the installation, not the folder they were written in.
    tests = tmp_path / name / "tests"
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=site, PYTHONPATH=str(site))
    passed = re.search(r"(\d+) passed", said)
    assert passed, said
    assert int(passed[1]) >= at_least, said


def test_every_file_of_it_is_filled_in(tmp_path: Path) -> None:
    for kind in ("scheduler", "sampler", "head", "target", "tracker", "metric"):
        assert sssd("new-plugin", f"a-{kind}", "--kind", kind, "--out", tmp_path).code == 0
        files = {path.relative_to(tmp_path / f"a-{kind}").as_posix() for path in tmp_path.rglob(f"a-{kind}/**/*.*")}
        module = f"a_{kind}"
        assert files == {
            "pyproject.toml", "README.md", f"{module}/__init__.py", f"{module}/{kind}.py", f"tests/test_{module}.py"
        }  # fmt: skip
        for path in (tmp_path / f"a-{kind}").rglob("*.*"):
            assert not re.search("DISTRIBUTION|MODULE", path.read_text()), path


@pytest.mark.parametrize("name", ["Mine", "my_plugin", "1st", "a--b", "-a", "../a", "a b", ""])
def test_names_that_no_distribution_can_have(name: str, tmp_path: Path) -> None:
    assert "no name for a plugin" in error_line(sssd("new-plugin", "--out", tmp_path, "--", name))
    assert not any(tmp_path.iterdir())


def test_names_that_are_taken(tmp_path: Path) -> None:
    ours = next(entry for entry in registry().entries if entry.name == "ddim")
    assert f"already, of {ours.origin}" in error_line(sssd("new-plugin", "ddim", "--out", tmp_path))
    assert "Python module that is there" in error_line(sssd("new-plugin", "json", "--out", tmp_path))
    assert "python-dateutil" in error_line(sssd("new-plugin", "python-dateutil", "--out", tmp_path))
    assert "yours would replace it" in error_line(sssd("new-plugin", "pyyaml", "--out", tmp_path))
    assert "a model's own solvers" in error_line(sssd("new-plugin", "tuned", "--out", tmp_path))
    assert f"already, of {ours.origin}" in error_line(
        sssd("new-plugin", "ddim", "--kind", "sampler", "--out", tmp_path)
    )
    assert sssd("new-plugin", "ddim", "--kind", "head", "--out", tmp_path).code == 0  # another kind is another name
    assert "is there already" in error_line(sssd("new-plugin", "ddim", "--kind", "head", "--out", tmp_path))
    assert "did you mean 'scheduler'" in error_line(sssd("new-plugin", "x-y", "--kind", "schedular"))


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    with full_disk(limit=500):  # some of its files would fit
        assert "cannot be written" in error_line(sssd("new-plugin", "some-plugin", "--out", tmp_path))
    assert not any(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert "cannot be written" in error_line(sssd("new-plugin", "some-plugin", "--out", tmp_path / "file"))
