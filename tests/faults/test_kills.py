"""A writer that is killed between any two file operations: whoever opens what it wrote sees the old or the new."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from injection import Disk, Killed, every_kill, killed_after

import sssd_engine.settling
from sssd_engine.settling import COMMIT, settled
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_directory, atomic_file, remove_directory
from sssd_registry.files.folder_kinds import CHECKPOINT, ENGINE, MODEL, Kind
from sssd_registry.files.opening import claimed, is_claimed, opened
from sssd_registry.files.staging import staged

INDEX = '{"_class_name": "SSSDPipeline"}'
OLD = {"model_index.json": INDEX + " ", "config.json": "old", "model.safetensors": "old", "sampling.json": "old",
       "scheduler/scheduler_config.json": "old"}  # fmt: skip
NEW = {"model_index.json": INDEX, "config.json": "new", "model.safetensors": "new", "examples.safetensors": "new"}
OTHERS = {".git/config": "[core]", "README.md": "# mine", "data.csv": "t,y", "scheduler/notes.txt": "mine"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process, unlike a power failure, loses nothing that was written: waiting for the disk proves nothing."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def write(path: Path, files: dict[str, str], owner: Kind = MODEL) -> None:
    with atomic_directory(path, owner=owner) as new:
        for name, text in files.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(text)


def put(path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    """What is in a folder, but for our own temporary ones."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file.read_text() for name, file in names.items() if not name.startswith(".sssd-")}


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(".sssd-*"))


def seen(path: Path) -> dict[str, str]:
    """What one who opens the folder finds."""
    with opened(path, MODEL) as folder:
        return content(folder)


@pytest.mark.parametrize("others", [{}, OTHERS], ids=["ours", "with others' files"])
def test_a_folder_that_is_replaced(tmp_path: Path, others: dict[str, str]) -> None:
    path = tmp_path / "m"

    def prepare() -> None:
        shutil.rmtree(path, ignore_errors=True)
        write(path, OLD)
        put(path, others)

    found = []
    for _ in every_kill(lambda: write(path, NEW), prepare):
        now = seen(path)
        found.append(now == {**others, **NEW})
        assert found[-1] or now == {**others, **OLD}
        write(path, NEW)  # sweeps what the killed one left
        assert seen(path) == {**others, **NEW}
        assert hidden(tmp_path) == []
    assert found == sorted(found)  # the old first, then the new, and both
    assert set(found) == {False, True}


def test_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "m"
    found = []
    for _ in every_kill(lambda: write(path, NEW), lambda: shutil.rmtree(path, ignore_errors=True)):
        found.append(path.exists())
        assert not found[-1] or content(path) == NEW
        write(path, OLD)
        assert seen(path) == OLD
        assert hidden(tmp_path) == []
    assert set(found) == {False, True}


def test_an_empty_folder(tmp_path: Path) -> None:
    path = tmp_path / "m"

    def prepare() -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()

    found = []
    for _ in every_kill(lambda: write(path, NEW), prepare):
        found.append(seen(path))
        assert found[-1] in ({}, NEW)
    assert {} in found
    assert NEW in found


def test_a_folder_that_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for _ in every_kill(lambda: remove_directory(path, owner=MODEL), lambda: write(path, OLD)):
        assert not path.exists() or seen(path) in ({}, OLD)
        write(path, NEW)
        assert seen(path) == NEW
        assert hidden(tmp_path) == []


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"

    def rewrite() -> None:
        with atomic_file(path) as new:
            new.write_text("new")

    found = []
    for _ in every_kill(rewrite, lambda: path.write_text("old")):
        found.append(path.read_text())
        rewrite()
        assert list(tmp_path.iterdir()) == [path]
    assert set(found) == {"old", "new"}


def test_recovery_that_is_killed_too(tmp_path: Path) -> None:
    """At every point of the writer, and of the one who opens the folder after it, and once more after that."""
    path = tmp_path / "m"
    pending: list[Path] = []
    write(path, OLD)
    put(path, OTHERS)
    shutil.copytree(path, tmp_path / "start")

    def again(start: Path) -> Callable[[], object]:
        return lambda: (shutil.rmtree(path, ignore_errors=True), shutil.copytree(start, path, symlinks=True))

    for number in every_kill(lambda: write(path, NEW), again(tmp_path / "start")):
        if (path / COMMIT).is_dir():
            pending.append(Path(shutil.copytree(path, tmp_path / f"pending{number}")))
    assert len(pending) > 5
    for start in pending[::3]:
        for _ in every_kill(lambda: seen(path), again(start)):
            assert seen(path) == {**OTHERS, **NEW}
            assert not (path / COMMIT).exists()


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EROFS])
def test_who_may_only_read_sees_the_new_folder(tmp_path: Path, reason: int) -> None:
    path = tmp_path / "m"
    write(path, OLD)
    put(path, OTHERS)
    start = content(path)

    def prepare() -> None:
        shutil.rmtree(path)
        write(path, OLD)
        put(path, OTHERS)

    operations = killed_after(float("inf"), lambda: write(path, NEW))
    kinds = set()
    for most in range(operations):
        prepare()
        killed_after(most, lambda: write(path, NEW))
        before = sorted(path.rglob("*"))

        def refuse(source: object, *_: object, most: int = most) -> None:
            if str(source).startswith(str(path)):
                raise OSError(reason, os.strerror(reason), str(source))
            raise AssertionError((source, most))

        real = {name: getattr(os, name) for name in ("replace", "unlink", "rmdir")}

        def guarded(name: str, real: dict[str, Callable[..., object]] = real) -> Callable[..., object]:
            def call(source: object, *rest: object, **options: object) -> object:
                if str(source).startswith(str(path)):
                    raise OSError(reason, os.strerror(reason), str(source))
                return real[name](source, *rest, **options)

            return call

        with mock.patch.multiple(os, **{name: guarded(name) for name in real}):
            now = {name: text for name, text in seen(path).items() if not name.startswith(".git")}
        kinds.add(now["config.json"])
        assert now in ({name: text for name, text in {**OTHERS, **files}.items() if not name.startswith(".git")}
                       for files in (OLD, NEW))  # fmt: skip
        assert sorted(path.rglob("*")) == before
    assert start
    assert kinds == {"old", "new"}


def test_everything_is_on_the_disk_before_it_counts(tmp_path: Path) -> None:
    path, done = tmp_path / "m", []
    write(path, OLD)
    for target in (path, tmp_path / "new"):
        done.clear()
        real_sync, real_rename = os.fsync, os.rename

        def sync(descriptor: int) -> None:
            done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
            real_sync(descriptor)  # noqa: B023

        def rename(source: Path, place: Path) -> None:
            synced = set(done)
            assert set(NEW) <= synced, (done, place)
            assert Path(source).name in synced
            real_rename(source, place)  # noqa: B023
            done.append("renamed")

        with mock.patch.object(os, "fsync", sync), mock.patch.object(os, "rename", rename):
            write(target, NEW)
        assert done[done.index("renamed") + 1] in (target.name, tmp_path.name)


def test_what_another_is_writing_is_not_swept(tmp_path: Path) -> None:
    with staged(tmp_path) as first:
        (first / "half").write_text("")
        with staged(tmp_path) as second:
            assert first.is_dir()
            assert second != first
        write(tmp_path / "m", NEW)
        assert (first / "half").is_file()
    killed_after(3, lambda: write(tmp_path / "m2", NEW))
    assert hidden(tmp_path)
    write(tmp_path / "m", NEW)
    assert hidden(tmp_path) == []


def test_readers_and_a_writer_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    write(path, OLD)
    monkeypatch.setattr(sssd_engine.settling, "_PATIENCE", 0.05)
    with settled(path), settled(path):
        with pytest.raises(SSSDError, match="m cannot be written: another process keeps reading or writing it"):
            write(path, NEW)
        assert content(path) == OLD
    write(path, NEW)
    assert content(path) == NEW


def test_the_second_claim(tmp_path: Path) -> None:
    path = tmp_path / "m.checkpoint"
    assert not is_claimed(path)
    with claimed(path, "being trained"):
        assert is_claimed(path)
        with pytest.raises(SSSDError, match="being trained"), claimed(path, "being trained"):
            pytest.fail("both")
        write(path, {"progress.json": '{"fingerprint": "", "step": 1}', "state.safetensors": ""}, CHECKPOINT)
        assert is_claimed(path)
        remove_directory(path, owner=CHECKPOINT)
        assert is_claimed(path)
    assert not path.exists()


@pytest.mark.parametrize("killed", [1, 2, 3])
def test_a_claim_ends_with_its_process(tmp_path: Path, killed: int) -> None:
    path = tmp_path / "m.checkpoint"

    def claim() -> None:
        with claimed(path, "being trained"):
            raise Killed

    with mock.patch.object(os, "unlink", Disk(0).guard(os.unlink)):
        killed_after(killed, claim)
    assert not is_claimed(path)
    with claimed(path, "being trained"):
        pass
    assert not path.exists()


def test_a_folder_that_an_earlier_version_put_aside(tmp_path: Path) -> None:
    """It renamed twice; killed between the two, it left what it wrote, and what was there, in hidden folders."""
    path = tmp_path / "m"
    put(tmp_path / ".0123abcd-m", OLD)
    put(tmp_path / ".4567abcd-m", NEW)
    os.utime(tmp_path / ".0123abcd-m" / "model_index.json", (1, 1))
    put(tmp_path / ".89abcdef-m", {"model.safetensors": "half"})
    put(tmp_path / ".89abcdef-other", OLD)
    put(tmp_path / ".89abcdee-m", {"model_index.json": '{"_class_name": "Another"}'})
    assert seen(path) == NEW
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        ".0123abcd-m", ".89abcdee-m", ".89abcdef-m", ".89abcdef-other", "m"]  # fmt: skip
    assert seen(path) == NEW


def test_an_engine_folder_by_its_runtime(tmp_path: Path) -> None:
    from sssd_engine.manifest import read_manifest, write_manifest

    path = tmp_path / "engine"

    def export(name: str) -> None:
        with atomic_directory(path, owner=ENGINE) as new:
            (new / f"{name}.onnx").write_text(name)
            (new / "shared.onnx").write_text(name)
            write_manifest(new, {"target": "onnx", "name": name})

    def prepare() -> None:
        shutil.rmtree(path, ignore_errors=True)
        export("old")
        (path / "README.md").write_text("mine")

    found = []
    for _ in every_kill(lambda: export("new"), prepare):
        manifest = read_manifest(path)  # which proves all hashes
        found.append(manifest["name"])
        assert set(manifest["files"]) == {f"{found[-1]}.onnx", "shared.onnx"}
        assert sorted(content(path)) == sorted(["README.md", "manifest.json", *manifest["files"]])
    assert set(found) == {"old", "new"}


def test_a_checkpoint(tmp_path: Path) -> None:
    import torch

    from sssd_registry.training.checkpoint import Progress, RunState, load_checkpoint, save_checkpoint

    path = tmp_path / "m.checkpoint"

    def save(step: int) -> None:
        state = RunState({"w": torch.full((3,), float(step))}, {}, {}, [], {})
        save_checkpoint(path, Progress("f", step), state)

    found = []
    for _ in every_kill(lambda: save(2), lambda: save(1)):
        progress, state = load_checkpoint(path, "f")
        assert state.weights["w"].tolist() == [progress.step] * 3
        found.append(progress.step)
    assert set(found) == {1, 2}


def test_a_model(tiny_model: Path, tmp_path: Path) -> None:
    from sssd_registry.pipeline import SSSDPipeline
    from sssd_registry.plugin_api.make_scheduler import make_scheduler
    from sssd_registry.storage.sampling_defaults import SamplingDefaults

    path = tmp_path / "m"
    after = SSSDPipeline.from_pretrained(tiny_model)
    ddim = make_scheduler("ddim", after.network.schedule)
    before = SSSDPipeline(copy.deepcopy(after.network), ddim, after.record, after.examples, SamplingDefaults("ddim", 7))
    for parameter in after.network.parameters():
        parameter.data += 1
    start, end = ({name: float(tensor.double().sum()) for name, tensor in pipeline.network.state_dict().items()}
                  for pipeline in (before, after))  # fmt: skip
    found = []
    for _ in every_kill(lambda: after.save_pretrained(path), lambda: before.save_pretrained(path)):
        now = SSSDPipeline.from_pretrained(path)
        sums = {name: float(tensor.double().sum()) for name, tensor in now.network.state_dict().items()}
        found.append(sums == end)
        assert sums == (end if found[-1] else start)
        assert now.sampling_defaults.steps == (20 if found[-1] else 7)
        assert json.loads((path / "model_index.json").read_text())["_class_name"] == "SSSDPipeline"
    assert set(found) == {False, True}
