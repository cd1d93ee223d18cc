"""Cache of compiled parts: what was compiled once is copied; what differs in anything is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sssd_export.build.cache import build_key, cache_folder, cached
from sssd_export.request import export_model


@pytest.fixture(autouse=True)
def _empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSSD_CACHE", str(tmp_path / "cache"))


def build(folder: Path) -> dict[str, Any]:
    (folder / "part.bin").write_bytes(b"compiled")
    return {"graph": "part.bin"}


def test_the_second_build_is_a_copy(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "other.onnx").write_text("of another part")
    first = cached("key", tmp_path / "one", build)

    def never(folder: Path) -> dict[str, Any]:
        raise AssertionError("compiled again")

    assert cached("key", tmp_path / "two", never) == first == {"graph": "part.bin"}
    assert [file.name for file in (tmp_path / "two").iterdir()] == ["part.bin"]
    assert (tmp_path / "two" / "part.bin").read_bytes() == b"compiled"


@pytest.mark.parametrize("damage", ["entries.json", "part.bin"])
def test_a_damaged_cache_is_none(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    cached("key", folder, build)
    kept = cache_folder() / "key" / damage
    kept.unlink()
    if damage == "entries.json":
        kept.write_text("{")
    elif damage == "part.bin":
        (cache_folder() / "key" / "part.bin").mkdir()
    (folder / "part.bin").unlink()
    assert cached("key", folder, build) == {"graph": "part.bin"}
    assert (folder / "part.bin").read_bytes() == b"compiled"


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SSSD_CACHE", str(tmp_path / "file"))
    (tmp_path / "engine").mkdir()
    assert cached("key", tmp_path / "engine", build) == {"graph": "part.bin"}


def test_a_key_knows_all_that_a_build_depends_on() -> None:
    keys = [build_key(b"graph", "openvino", "2026.1", "fp32"), build_key(b"other", "openvino", "2026.1", "fp32"),
            build_key(b"graph", "openvino", "2026.2", "fp32"), build_key(b"graph", "openvino", "2026.1", "bf16"),
            build_key(b"graph", "tensorrt", "2026.1", "fp32")]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert keys[0] == build_key(b"graph", "openvino", "2026.1", "fp32")


def test_an_engine_is_the_same_with_and_without(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorrt_rtx")
    import sssd_export.targets.tensorrt_build as compiler

    first = export_model(tiny_model, tmp_path / "one", "tensorrt-rtx", steps=2, samples=16)
    monkeypatch.setattr(compiler, "_logger", None)  # a second compilation would fail
    second = export_model(tiny_model, tmp_path / "two", "tensorrt-rtx", steps=2, samples=16)
    assert first == second
    with pytest.raises(TypeError):
        export_model(tiny_model, tmp_path / "three", "tensorrt-rtx", steps=3, samples=16)
