"""A manifest proves that its folder is the one that was exported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sssd_export import EngineError, load_engine
from sssd_export.manifest import read_manifest, write_manifest


@pytest.fixture
def folder(tiny_engine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_engine, tmp_path / "engine"))


def changed(path: Path, place: int, bits: int) -> bytes:
    content = bytearray(path.read_bytes())
    content[place] ^= bits
    path.write_bytes(content)
    return bytes(content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), bits=st.integers(1, 255))
@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_any_changed_byte_is_refused(folder: Path, name: str, data: st.DataObject, bits: int) -> None:
    path = folder / name
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    try:
        if name == "manifest.json" and _same_json(before, changed(path, place, bits)):
            assert read_manifest(folder)  # one space for another
            return
        if name == "model.onnx":
            changed(path, place, bits)
        with pytest.raises(EngineError, match=f"{folder}/{name} .*: export anew"):
            load_engine(folder)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_or_cut_off_file_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-5])
    with pytest.raises(EngineError, match=f"{folder}/{name}"):
        load_engine(folder)
    (folder / name).unlink()
    with pytest.raises(EngineError, match=name):
        load_engine(folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/hostname", "sub/model.onnx", "..", ""])
def test_a_file_outside_of_the_folder_is_refused(folder: Path, name: str) -> None:
    shutil.copy(folder / "model.onnx", folder.parent / "model.onnx")
    rewrite(folder, files={name: "0" * 64})
    with pytest.raises(EngineError, match=r"which is not in the folder|is missing"):
        load_engine(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": 0}', '{"format": 1}', "{", "\x00"])
def test_what_is_no_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(EngineError, match="export anew"):
        load_engine(folder)


def test_a_folder_without_a_manifest_is_no_engine(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(EngineError, match=r"is not an engine folder: it has no manifest\.json"):
            load_engine(path)


def test_reading_gives_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    entries: dict[str, Any] = {"target": "onnx", "tolerance": 1e-4, "nested": {"é": [1, None, 0.1]}}
    write_manifest(tmp_path, entries)
    seen = read_manifest(tmp_path)
    assert {name: seen[name] for name in entries} == entries
    assert list(seen["files"]) == ["model.onnx"]
    assert "sha256" not in seen


def rewrite(folder: Path, **changes: object) -> None:
    """Change entries as an exporter would: with a hash that fits."""
    from sssd_export.manifest import _digest

    entries = json.loads((folder / "manifest.json").read_text())
    del entries["sha256"]
    entries |= changes
    (folder / "manifest.json").write_text(json.dumps({**entries, "sha256": _digest(entries)}))


def _same_json(before: bytes, after: bytes) -> bool:
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False
