"""Faults around an export: builds at once, an end in the middle, caches that are none, full disks, large graphs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_runner import error_line, sssd_export

pytest.importorskip("onnxruntime", reason="the export extra is not installed")

from sssd_engine import load_engine
from sssd_engine.fields import FILE
from sssd_engine.manifest import sha256
from sssd_export.build import assemble as builder
from sssd_export.build import cache as cache_module
from sssd_export.build import graph_size
from sssd_export.build.cache import cache_folder, cached
from sssd_export.graph.trace import trace
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def traced(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, pieces: Any) -> None:
    """Exports of the tiny model take its pieces as they are instead of tracing again."""
    monkeypatch.setattr(builder, "trace", lambda *_: pieces)


@pytest.fixture(scope="module")
def pieces(tiny_model: Path) -> Any:
    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    assert pipeline.examples is not None
    network = pipeline.network.requires_grad_(False)
    return trace(network, network.spec.horizons, builder.QUANTILE_LEVELS, pipeline.examples)


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSSD_CACHE", str(tmp_path / "cache"))


def started(work: Callable[[], object]) -> int:
    """A forked process that does some work: its id. It ends with 0, with 2 after a user's error, else with 1."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except SSSDError:
        code = 2
    except SystemExit as error:
        code = int(str(error.code))
    finally:
        os._exit(code)


def ended(child: int, seconds: float = 120) -> int:
    """The exit code of a forked process."""
    end = time.monotonic() + seconds
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("it hangs")
        time.sleep(0.02)
    return os.waitstatus_to_exitcode(done[1])


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.usefixtures("traced")
def test_builds_at_once_into_one_folder(tiny_model: Path, tmp_path: Path) -> None:
    """Each is whole; the last to finish is there, and nothing of the others."""
    out = tmp_path / "engines" / "one"
    children = [
        started(lambda steps=steps: export_model(tiny_model, out, steps=steps, samples=4)) for steps in (2, 3, 4)
    ]
    codes = [ended(child) for child in children]
    assert set(codes) <= {0, 2}
    assert 0 in codes
    with load_engine(out) as engine:
        assert engine.manifest["num_calls"] in (2, 3, 4)
    assert names(out) == {"correlation.bin", "model.onnx", "manifest.json"}
    assert names(out.parent) == {"one"}


def compile_slowly(folder: Path) -> dict[str, Any]:
    (folder / "part.xml").write_bytes(b"<xml>")
    time.sleep(0.2)
    (folder / "part.bin").write_bytes(bytes(100_000))
    return {"graph": "part.xml"}


def never(folder: Path) -> dict[str, Any]:
    raise AssertionError("compiled again")


def test_builds_at_once_with_one_cache(tmp_path: Path) -> None:
    folders = [tmp_path / f"engine{number}" for number in range(6)]
    for folder in folders:
        folder.mkdir()
    children = [started(lambda folder=folder: cached("key", folder, compile_slowly)) for folder in folders]
    assert [ended(child) for child in children] == [0] * len(folders)
    for folder in folders:
        assert names(folder) == {"part.xml", "part.bin"}
        assert (folder / "part.bin").read_bytes() == bytes(100_000)
    assert names(cache_folder()) == {"key"}
    (tmp_path / "later").mkdir()
    assert cached("key", tmp_path / "later", never) == {"graph": "part.xml"}


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "folder", "entries", "outside", "list", "no hashes"])
def test_a_cut_off_or_foreign_cache_is_none(tmp_path: Path, damage: str) -> None:
    """And the build is then kept whole again: with every file, also those that could be copied before the damage."""
    folder = tmp_path / "engine"
    folder.mkdir()
    cached("key", folder, compile_slowly)
    kept = cache_folder() / "key"
    file, stored = kept / "part.bin", json.loads((kept / "entries.json").read_text())
    if damage == "cut":
        os.truncate(file, 100)
    elif damage == "changed":
        file.write_bytes(b"1" * 100_000)
    elif damage in ("gone", "folder"):
        file.unlink()
        if damage == "folder":
            file.mkdir()
    elif damage == "entries":
        os.truncate(kept / "entries.json", 20)
    elif damage == "outside":
        (cache_folder() / "secret").write_text("mine")
        stored["files"]["../secret"] = sha256(cache_folder() / "secret")
        (kept / "entries.json").write_text(json.dumps(stored))
    else:
        (kept / "entries.json").write_text("[1]" if damage == "list" else json.dumps(stored["entries"]))
    for number in range(2):
        again = tmp_path / f"again{number}"
        again.mkdir()
        assert cached("key", again, compile_slowly if number == 0 else never) == {"graph": "part.xml"}
        assert names(again) == {"part.xml", "part.bin"}
        assert (again / "part.bin").read_bytes() == bytes(100_000)
    assert not (tmp_path / "secret").exists()


def test_a_disk_that_is_full_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build is done all the same, and nothing is left of what did not fit."""
    copy = shutil.copy

    def full(source: Any, target: Any) -> Any:
        if "cache" in str(target) and str(target).endswith(".bin"):
            Path(target).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(cache_module.shutil, "copy", full)
    (tmp_path / "engine").mkdir()
    assert cached("key", tmp_path / "engine", compile_slowly) == {"graph": "part.xml"}
    assert names(tmp_path / "engine") == {"part.xml", "part.bin"}
    assert not [file for file in cache_folder().rglob("*") if file.is_file()]


@pytest.mark.parametrize("home", [None, "/proc/none"])
@pytest.mark.usefixtures("traced")
def test_no_home(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    pytest.importorskip("openvino")
    monkeypatch.delenv("SSSD_CACHE")
    monkeypatch.delenv("HOME", raising=False)
    if home is None:
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    else:
        monkeypatch.setenv("HOME", home)
    export_model(tiny_model, tmp_path / "engine", "openvino", steps=2, samples=4)
    load_engine(tmp_path / "engine").close()


@pytest.mark.usefixtures("traced")
def test_a_build_that_is_told_to_end(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SIGTERM, as a service or a container is; before it was there an earlier engine, which stays."""
    out = tmp_path / "engines" / "one"
    export_model(tiny_model, out, steps=2, samples=4)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    reader, writer = os.pipe()

    def slow(*_: Any) -> Any:
        os.write(writer, b"x")
        time.sleep(60)

    monkeypatch.setattr(builder, "check_parity", slow)
    monkeypatch.setattr(sys, "argv", ["sssd-export", "build", str(tiny_model), "--out", str(out), "--steps", "3"])

    def command() -> None:
        from sssd_export.cli import main

        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        main()

    child = started(command)
    os.close(writer)
    assert os.read(reader, 1) == b"x"
    os.kill(child, signal.SIGTERM)
    assert ended(child, 20) == 128 + signal.SIGTERM
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert names(out.parent) == {"one"}


@pytest.mark.usefixtures("traced")
def test_a_graph_that_no_file_holds(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_size, "LARGEST_WEIGHTS", 1_000)
    line = error_line(sssd_export("build", tiny_model, "--out", tmp_path / "engine", "--steps", "2"))
    assert "GB, and a file of ONNX holds 2: build with --split or --loop step" in line
    assert "weights of the model take" in line
    assert names(tmp_path) <= {"cache"}


@pytest.mark.parametrize(
    "name", ["con", "CON.onnx", "nul.tar.gz", "lpt1.bin", "COM¹", "aux .onnx", "model.onnx.", "m "]
)
def test_names_that_windows_keeps_for_itself(name: str) -> None:
    assert not FILE.holds(name)
    assert FILE.holds("model.onnx")
    assert FILE.holds("console.onnx")
    assert FILE.holds("com10.bin")
