"""Files and folders appear complete or not at all, and nothing of somebody else's is replaced."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sssd_registry.atomic import atomic_directory, atomic_file
from sssd_registry.errors import SSSDError

MARKER = "model_index.json"


def write_folder(path: Path, text: str) -> None:
    with atomic_directory(path, owner=MARKER) as new:
        (new / MARKER).write_text("{}")
        (new / "weights").write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_in_file(path: Path, error: BaseException) -> None:
    with atomic_file(path) as new:
        new.write_text("half")
        raise error


def fail_in_folder(path: Path, error: BaseException) -> None:
    with atomic_directory(path, owner=MARKER) as new:
        (new / "weights").write_text("half")
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
    with pytest.raises(SSSDError, match="there is no folder"), atomic_file(tmp_path / "none" / "f.csv"):
        pytest.fail("the block ran")
    with pytest.raises(SSSDError, match="it is a folder"), atomic_file(tmp_path):
        pytest.fail("the block ran")


def test_directory_is_made_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "model"
    write_folder(path, "one")
    (path / "left over").write_text("from the first")
    write_folder(path, "two")
    assert content(tmp_path / "runs") == {f"model/{MARKER}": "{}", "model/weights": "two"}
    assert [entry.name for entry in path.parent.iterdir()] == ["model"]


def test_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write_folder(tmp_path / "model", "one")
    assert content(tmp_path / "model")["weights"] == "one"


def test_foreign_directory_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SSSDError, match=r"holds other files and no model_index\.json"):
        write_folder(tmp_path, "one")
    with (
        pytest.raises(SSSDError, match="is a file"),
        atomic_directory(tmp_path / "thesis.tex", owner=MARKER),
    ):
        pytest.fail("the block ran")
    assert content(tmp_path) == {"thesis.tex": "years of work"}


def test_full_disk_leaves_the_old_directory(tmp_path: Path) -> None:
    path = tmp_path / "model"
    write_folder(path, "old")
    before = content(tmp_path)
    with pytest.raises(SSSDError, match="No space left"):
        fail_in_folder(path, disk_full())
    assert content(tmp_path) == before


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("error", [disk_full(), KeyboardInterrupt()], ids=["disk", "interrupt"])
def test_failed_swap_puts_the_old_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
) -> None:
    path = tmp_path / "model"
    write_folder(path, "old")
    before, rename, calls = content(tmp_path), os.rename, []

    def fail_once(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == failing:
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_once)
    with pytest.raises((SSSDError, KeyboardInterrupt)):
        write_folder(path, "new")
    assert len(calls) >= failing
    assert content(tmp_path) == before
