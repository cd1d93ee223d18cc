"""Names, folders and surroundings that a machine may have: every command ends with one line, and leaves nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import Outcome, error_line, sssd, sssd_export, tree

from sssd_registry.files.staging import PREFIX

LONG = "n" * 256
MAIN = [sys.executable, "-c", "from sssd_registry.cli import main; main()"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("time,close\n")
    return tmp_path


BAD_FOLDERS = {
    LONG: "File name too long",
    "n" * 250: "File name too long|",  # the folder itself can be, its checkpoint beside cannot
    "a.csv": "is a file: name a folder to write",
    "a.csv/x": "a.csv is a file, not a folder",
    ".": "holds other files and no ",
    "..": "holds other files and no ",
    "/": "holds other files and no ",
    "/proc/x": "",
}


@pytest.mark.parametrize("out", list(BAD_FOLDERS))
def test_folders_that_cannot_be_written(tiny_model: Path, tiny_csv: Path, place: Path, out: str) -> None:
    commands: list[Callable[[], Outcome]] = [lambda: sssd("train", tiny_csv, "--out", out)]
    commands.append(lambda: sssd("distill", tiny_model, tiny_csv, "--out", out))
    if out != "n" * 250:
        commands.append(lambda: sssd_export("build", tiny_model, "--out", out))
    for command in commands:
        line = error_line(command())
        assert any(part in line for part in BAD_FOLDERS[out].split("|")), line
        assert "/" + line.split()[0] or out in line
        assert tree(place) == {"a.csv": b"time,close\n"}


@pytest.mark.parametrize("folder", ["", "a.csv/", "none/", "f.csv/"])
def test_files_that_cannot_be_written(tiny_model: Path, tiny_csv: Path, place: Path, folder: str) -> None:
    (place / "f.csv").mkdir()
    (place / "f.png").mkdir()
    (place / "f.json").mkdir()
    stem = "f" if not folder else "x" if folder != "f.csv/" else LONG
    for option, command in {"--out": "forecast", "--plot": "forecast"}.items():
        file = f"{folder}{stem}{'.csv' if option == '--out' else '.png'}"
        line = error_line(sssd(command, tiny_model, tiny_csv, "--steps", 2, "--samples", 2, option, file))
        assert line.startswith(f"{file} cannot be written: "), line
    file = f"{folder}{stem}.json"
    line = error_line(sssd("compare", tiny_model, tiny_csv, "--steps", 2, "--schedulers", "ddim", "--out", file))
    assert line.startswith(f"{file} cannot be written: "), line
    assert tree(place) == {"a.csv": b"time,close\n"}


def test_the_working_folder_itself(
    tiny_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = os.umask(0o077)
    try:
        assert sssd("train", tiny_csv, "--out", ".", *overrides).code == 0
    finally:
        os.umask(before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["here"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*") if file.is_file()} == {0o600}
    assert "already holds a model" in error_line(sssd("train", tiny_csv, "--out", "."))
    (tmp_path / "here" / "notes.txt").write_text("mine")
    assert sssd("train", tiny_csv, "--out", ".", "--overwrite", *overrides).code == 0
    assert (tmp_path / "here" / "notes.txt").read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["here"]


def test_another_projects_pipeline(tiny_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (tmp_path / "unet.safetensors").write_text("gigabytes")
    before = tree(tmp_path)
    for more in ([], ["--overwrite"], ["--resume"]):
        assert "is not ours to replace" in error_line(sssd("train", tiny_csv, "--out", tmp_path, *more))
    assert tree(tmp_path) == before


def test_the_second_of_two_trainings(tiny_csv: Path, tmp_path: Path, overrides: list[str]) -> None:
    from sssd_registry.training.place import alone

    out = tmp_path / "m"
    with alone(out):
        for more in ([], ["--overwrite"], ["--resume"]):
            line = error_line(sssd("train", tiny_csv, "--out", out, *overrides, *more))
            assert line.startswith(f"{out} is being trained by another process: wait until that ends, or name another")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m.checkpoint" / f"{PREFIX}claim").parent.mkdir()  # what a killed run leaves before its first step
    (tmp_path / "m.checkpoint" / f"{PREFIX}claim").touch()
    assert "nothing to resume" in error_line(sssd("train", tiny_csv, "--out", out, *overrides, "--resume"))
    assert sssd("train", tiny_csv, "--out", out, *overrides).code == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def as_nobody(command: Callable[[], Outcome]) -> Outcome:
    """The outcome of a command in a process without root's rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            outcome = command()
            os.write(writer, repr((outcome.code, outcome.out, outcome.err)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    code, out, err = eval(text)  # our own child's
    return Outcome(code, out, err)


def test_a_folder_where_nobody_may_write(
    tiny_csv: Path, place: Path, overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (place, *place.parents, *tiny_csv.parents):  # pytest's are for their owner alone
        if os.stat(folder).st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    (place / "m").mkdir(mode=0o555)
    place.chmod(0o555)
    for command in (
        lambda: sssd("train", tiny_csv, "--out", place / "m", *overrides),
        lambda: sssd("train", tiny_csv, "--out", place / "new" / "m", *overrides),
        lambda: sssd("new-plugin", "my-plugin-of-tests", "--out", place),
    ):
        line = error_line(as_nobody(command))
        assert line.endswith(" cannot be written: Permission denied"), line
    place.chmod(0o755)
    assert tree(place) == {"a.csv": b"time,close\n"}


def test_nothing_of_what_surrounds_a_command_is_there(tiny_model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    """No home, no folder for temporary files, and a terminal that knows no letters but English ones."""
    nowhere = "/proc/none"
    bare = {"HOME": nowhere, "TMPDIR": nowhere, "PYTHONIOENCODING": "ascii", "LANG": "C",
            "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
    command = [*MAIN, "forecast", str(tiny_model), str(tiny_csv), "--steps", "2", "--samples", "2", "--out", "p.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, Outcome(done.returncode, done.stdout, done.stderr).words) == (0, "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.csv"]
    done = subprocess.run([*MAIN, "plugins"], env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "adaln" in done.stdout


def test_letters_that_are_not_english(tmp_path: Path) -> None:
    """In a locale of ASCII, which Python by itself leaves for UTF-8, what is kept in files is UTF-8 as elsewhere."""
    code = (
        "import pathlib, sys\n"
        "from sssd_registry.comparison.results_file import Results\n"
        "from sssd_registry.newplugin.write import new_plugin\n"
        "from sssd_registry.config import load_config\n"
        "pathlib.Path('c.toml').write_bytes('[data]\\ntime = \"Gr\\xf6\\xdfe\"\\n'.encode())\n"
        "assert load_config(pathlib.Path('c.toml'), []).data.time == 'Gr\\xf6\\xdfe'\n"
        "new_plugin('my-plugin-of-tests', 'head', pathlib.Path())\n"
    )
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=plain, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    readme = (tmp_path / "my-plugin-of-tests" / "README.md").read_bytes()
    assert readme.decode("utf-8")


@pytest.mark.parametrize("arguments", ["plugins", "plugins --json", "--help"])
def test_who_reads_one_line_and_leaves(arguments: str) -> None:
    shell = f"'{MAIN[0]}' -c '{MAIN[2]}' {arguments} | true"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_working_folder_that_was_deleted(tmp_path: Path, tiny_model: Path, tiny_csv: Path) -> None:
    (tmp_path / "gone").mkdir()
    shell = f"rmdir '{tmp_path / 'gone'}'; '{MAIN[0]}' -c '{MAIN[2]}' forecast '{tiny_model}' '{tiny_csv}'"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path / "gone", env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the working folder is gone, deleted or moved away: change to one that is")
