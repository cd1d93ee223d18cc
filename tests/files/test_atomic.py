"""Files and folders appear complete or not at all, and nothing of somebody else's is replaced."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from pathlib import Path

import pytest

from sssd_engine.settling import settled
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory, atomic_file, check_file, remove_directory
from sssd_registry.files.folder_kinds import ENGINE, MODEL

INDEX = '{"_class_name": "SSSDPipeline"}'


def write_folder(path: Path, text: str, *more: str) -> None:
    """A model folder, as far as this module knows one."""
    with atomic_directory(path, owner=MODEL) as new:
        (new / MODEL.marker).write_text(INDEX)
        for name in ("model.safetensors", *more):
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_in_file(path: Path, error: BaseException) -> None:
    with atomic_file(path) as new:
        new.write_text("half")
        raise error


def fail_in_folder(path: Path, error: BaseException) -> None:
    with atomic_directory(path, owner=MODEL) as new:
        (new / "model.safetensors").write_text("half")
        raise error


def test_file_replaces_and_follows_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_file(link) as new:
        assert new.suffix == ".csv"
        new.write_text("new")
        assert real.read_text() == "old"
    assert link.is_symlink()
    assert content(tmp_path) == {"real.csv": "new", "link.csv": "new"}


@pytest.mark.parametrize(
    "error",
    [disk_full(), RuntimeError("I/O error: No space left on device (os error 28)")],
    ids=["os", "rust"],
)
def test_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "f.csv"
    path.write_text("old")
    with pytest.raises(SSSDError, match=r"f\.csv cannot be written: No space left on device"):
        fail_in_file(path, error)
    assert content(tmp_path) == {"f.csv": "old"}


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_other_errors_pass_and_leave_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail_in_file(tmp_path / "f.csv", error())
    with pytest.raises(error):
        fail_in_folder(tmp_path / "above" / "m", error())
    assert content(tmp_path) == {}
    assert list((tmp_path / "above").iterdir()) == []


def test_an_error_about_a_file_elsewhere_passes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"):
        fail_in_folder(tmp_path / "m", FileNotFoundError(errno.ENOENT, "none", "/elsewhere/data.csv"))


def test_failed_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise disk_full()

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SSSDError, match="No space left"), atomic_file(path) as new:
        new.write_text("new")
    assert content(tmp_path) == {"f.csv": "old"}


def test_file_needs_a_folder_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    os.mkfifo(tmp_path / "pipe.csv")
    for path, reason in {
        tmp_path / "none" / "f.csv": "there is no folder",
        tmp_path / "a.csv" / "f.csv": "there is no folder",
        tmp_path: "it is a folder",
        Path("/"): "it is a folder",
        tmp_path / ("n" * 252 + ".csv"): "File name too long",
        tmp_path / "pipe.csv": "it is no file but a device or pipe",
        Path("/dev/null"): "it is no file but a device or pipe",
    }.items():
        with pytest.raises(SSSDError, match=f"cannot be written: {reason}"):
            check_file(path)
        with pytest.raises(SSSDError, match=f"cannot be written: {reason}"), atomic_file(path):
            pytest.fail("the block ran")


@pytest.mark.parametrize("name", ["m", "ü" * 100, "n" * 255])
def test_any_name_that_the_system_takes(tmp_path: Path, name: str) -> None:
    with atomic_file(tmp_path / name) as new:
        new.write_text("one")
    assert content(tmp_path) == {name: "one"}


def test_the_umask_decides_who_may_read(tmp_path: Path) -> None:
    for mask, file_mode, folder_mode in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)):
        before = os.umask(mask)
        try:
            path = tmp_path / f"{mask:o}"
            for _ in range(2):  # a new folder, and one that is there
                with atomic_directory(path, owner=MODEL) as new:
                    (new / MODEL.marker).write_text(INDEX)
                    (new / "model.safetensors").touch(mode=0o600)  # as safetensors does
                modes = {stat.S_IMODE(each.stat().st_mode) for each in path.iterdir()}
                assert modes == {file_mode}
                assert stat.S_IMODE(path.stat().st_mode) == folder_mode
            with atomic_file(path / "f.csv") as new:
                new.write_text("")
            assert stat.S_IMODE((path / "f.csv").stat().st_mode) == file_mode
        finally:
            os.umask(before)


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "f.csv").touch(mode=0o640)
    with atomic_file(tmp_path / "f.csv") as new:
        new.write_text("")
    assert stat.S_IMODE((tmp_path / "f.csv").stat().st_mode) == 0o640


def test_directory_is_made_and_its_files_replaced(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "model"
    write_folder(path, "one", "sampling.json", "scheduler/scheduler_config.json")
    write_folder(path, "two")
    assert content(tmp_path / "runs") == {f"model/{MODEL.marker}": INDEX, "model/model.safetensors": "two"}
    assert [entry.name for entry in path.parent.iterdir()] == ["model"]
    assert sorted(entry.name for entry in path.iterdir()) == ["model.safetensors", MODEL.marker]


def test_what_no_save_wrote_stays(tmp_path: Path) -> None:
    """A git clone of a model, with the user's own files in it."""
    write_folder(tmp_path, "one", "scheduler/scheduler_config.json")
    others = {".git/config": "[core]", ".git/objects/ab/cd": "blob", "README.md": "# mine", "data.csv": "t,y",
              "scheduler/notes.txt": "hm", "config.yaml": "a: 1", "onnx/model.onnx": "graph"}  # fmt: skip
    for name, text in others.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link.csv").symlink_to(tmp_path / "data.csv")
    before = (tmp_path / ".git").stat().st_ino
    write_folder(tmp_path, "two")
    ours = {MODEL.marker: INDEX, "model.safetensors": "two"}
    assert content(tmp_path) == {**others, "link.csv": "t,y", **ours}
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / ".git").stat().st_ino == before


def test_files_that_the_folder_records_go_with_it(tmp_path: Path) -> None:
    """As an engine's do, whose parts have other names in each export; a record cannot name what is elsewhere."""
    (tmp_path / "precious").write_text("precious")
    path, manifest = tmp_path / "engine", {"format": 4, "target": "onnx"}
    with atomic_directory(path, owner=ENGINE) as new:
        files = {"encoder.onnx": "", "denoiser.onnx": "", "../precious": "", str(tmp_path / "precious"): "", ".git": ""}
        (new / "manifest.json").write_text(json.dumps({**manifest, "files": files}))
        (new / "encoder.onnx").write_text("1")
        (new / "denoiser.onnx").write_text("1")
    (path / ".git").write_text("gitdir: elsewhere")
    (path / "notes.txt").write_text("mine")
    with atomic_directory(path, owner=ENGINE) as new:
        (new / "manifest.json").write_text(json.dumps({**manifest, "files": {"model.onnx": ""}}))
        (new / "model.onnx").write_text("2")
    assert sorted(content(path)) == [".git", "manifest.json", "model.onnx", "notes.txt"]
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("there", ["file", "folder", "link", "linked folder"])
def test_a_file_in_the_way_that_no_save_wrote(tmp_path: Path, there: str) -> None:
    path, other = tmp_path / "m", tmp_path / "other"
    write_folder(path, "one")
    other.mkdir()
    (other / "scheduler_config.json").write_text("mine")
    place = path / "scheduler" / "scheduler_config.json"
    {
        "file": lambda: (path / "scheduler").write_text("mine"),
        "folder": lambda: place.mkdir(parents=True),
        "link": lambda: (path / "scheduler").symlink_to(tmp_path / "nowhere"),
        "linked folder": lambda: (path / "scheduler").symlink_to(other),
    }[there]()
    before = content(tmp_path)
    with pytest.raises(SSSDError, match=r"holds scheduler.*, which is not one of the files that a save wrote"):
        write_folder(path, "two", "scheduler/scheduler_config.json")
    assert content(tmp_path) == before


def test_links_are_replaced_and_what_they_point_to_is_not(tmp_path: Path) -> None:
    """As in the Hub's cache, whose blobs other snapshots share."""
    path = tmp_path / "snapshot"
    write_folder(path, "one")
    (tmp_path / "blob").write_text("blob")
    (path / "model.safetensors").unlink()
    (path / "model.safetensors").symlink_to(tmp_path / "blob")
    write_folder(path, "two")
    assert not (path / "model.safetensors").is_symlink()
    assert content(tmp_path)["blob"] == "blob"


def test_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir(mode=0o750)
    number = (tmp_path / "model").stat().st_ino
    write_folder(tmp_path / "model", "one")
    assert content(tmp_path / "model")["model.safetensors"] == "one"
    assert (tmp_path / "model").stat().st_ino == number  # it may be a mount, which cannot be renamed


@pytest.mark.parametrize(
    "index",
    [
        '{"_class_name": "StableDiffusionPipeline"}',
        "{}",
        "[]",
        "null",
        "",
        '{"_class_name": ["SSSDPipeline"]}',
        '{"_class_name": "SSSDPip',
        "[" * 100_000,
    ],
    ids=["other", "none", "list", "null", "empty", "type", "cut", "deep"],
)
def test_another_pipelines_folder_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "unet").mkdir()
    for name, text in {MODEL.marker: index, "unet/model.safetensors": "gigabytes", "config.json": "{}"}.items():
        (tmp_path / name).write_text(text)
    before = content(tmp_path)
    with pytest.raises(SSSDError, match=r"not ours to replace, as its model_index\.json is damaged or of another"):
        write_folder(tmp_path, "one")
    assert content(tmp_path) == before


def test_foreign_directory_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for path, reason in {
        tmp_path: r"holds other files and no model_index\.json",
        tmp_path / "thesis.tex": "is a file",
        tmp_path / "thesis.tex" / "m": r"cannot be written: .*thesis\.tex is a file, not a folder",
        tmp_path / ("n" * 256): "cannot be written: File name too long",
        Path("/"): r"/ holds other files and no model_index\.json",
    }.items():
        with pytest.raises(SSSDError, match=reason), atomic_directory(path, owner=MODEL):
            pytest.fail("the block ran")
    with pytest.raises(SSSDError, match="is there already"), atomic_directory(tmp_path, owner=None):
        pytest.fail("the block ran")
    assert content(tmp_path) == {"thesis.tex": "years of work"}


def test_full_disk_leaves_the_old_directory(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_folder(path, "old")
    before = content(tmp_path)
    with pytest.raises(SSSDError, match="No space left"):
        fail_in_folder(path, disk_full())
    assert content(tmp_path) == before


def test_removal_takes_what_a_save_wrote(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_folder(path, "old", "scheduler/scheduler_config.json")
    (path / "notes.txt").write_text("mine")
    remove_directory(path, owner=MODEL)
    assert content(tmp_path) == {"model/notes.txt": "mine"}
    (path / "notes.txt").unlink()
    write_folder(path, "new")
    remove_directory(path, owner=MODEL)
    assert list(tmp_path.iterdir()) == []
    remove_directory(path, owner=MODEL)


def test_the_later_of_two_writers_of_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with atomic_directory(path, owner=MODEL) as new:
        write_folder(path, "one", "sampling.json")
        (new / MODEL.marker).write_text(INDEX)
        (new / "model.safetensors").write_text("two")
    assert content(tmp_path) == {f"model/{MODEL.marker}": INDEX, "model/model.safetensors": "two"}


def test_small_saves_stay_quick(tmp_path: Path) -> None:
    started = time.perf_counter()
    for number in range(20):
        write_folder(tmp_path / "m", str(number))
        with settled(tmp_path / "m") as folder:
            assert (folder / "model.safetensors").read_text() == str(number)
    assert (time.perf_counter() - started) / 20 < 0.5  # a few milliseconds, where nothing else uses the disk
