"""The folder that ``sssd-export web`` writes: whole or not at all, of engines that a page can run."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cli_runner import error_line, sssd_export, tree

from sssd_engine.manifest import read_manifest, write_manifest
from sssd_export.web import write_page as written
from sssd_export.web.runtime import PACKAGE
from sssd_export.web.write_page import write_page
from sssd_registry.errors import SSSDError


def test_a_page_is_replaced_whole_and_nothing_else_is(
    tiny_engine: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "bring_runtime", lambda folder: (folder / "ort.mjs").write_text("a runtime"))
    write_page(tiny_engine, out)
    (out / "notes.txt").write_text("mine")
    before = tree(out)
    assert write_page(tiny_engine, out) == sum(map(len, before.values())) - len("mine")
    assert tree(out) == before
    other = out.parent / "other"
    other.mkdir()
    (other / "index.html").write_text("a page of somebody else")
    assert "other" in error_line(sssd_export("web", tiny_engine, other))
    assert tree(other) == {"index.html": b"a page of somebody else"}


def test_what_a_page_cannot_run_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    engine = Path(shutil.copytree(tiny_engine, tmp_path / "fx"))
    manifest = read_manifest(engine)
    (part,), spec = manifest["parts"], manifest["spec"]
    latent = {"leading": [4, 1], "latent": [1, 4]}
    solver = {
        "one_time": True,
        "memory": 1,
        "timesteps": [999.0],
        "updates": [[["noise", 0, 1.0]], [["output", 0, 1.0]]],
    }
    cases: list[tuple[dict[str, Any], str]] = [
        ({"parts": [{**part, "runtime": "openvino"}], "target": "openvino"}, "of target 'openvino' for openvino"),
        ({"parts": [{**part, "runtime": "onnxruntime-cuda"}]}, "of target 'onnx' for onnxruntime-cuda"),
        ({"parts": []}, "is of target 'onnx', which no browser runs: export it with --target onnx"),
        ({"parts": [{**part, "solver": {**solver, **latent}}]}, "was exported with --loop step"),
        (_told_ahead(manifest), r"is told of holidays, .* constant within a series \(holiday\), which a page cannot"),
        ({"spec": {**spec, "bar_months": 1}}, "follows the calendar's months, which a page cannot"),
        ({"spec": {**spec, "step_length": "1h"}}, "counts steps of 1h"),
        ({"spec": {**spec, "timezone": "Europe/Berlin"}}, "by the clock of Europe/Berlin, which a page cannot"),
    ]  # fmt: skip
    for change, message in cases:
        write_manifest(engine, {**manifest, **change})
        with pytest.raises(SSSDError, match=message):
            write_page(engine, tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_without_npm_there_is_one_line_and_no_page(
    tiny_engine: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "npm is not here" in error_line(sssd_export("web", tiny_engine, out))
    broken = tmp_path / "npm"
    broken.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    broken.chmod(0o755)
    assert f"npm cannot bring {PACKAGE} (code ENOTFOUND): try again" in error_line(sssd_export("web", tiny_engine, out))
    assert not out.exists()


def test_another_package_of_that_name_is_refused(
    tiny_engine: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ort.wasm.bundle.min.mjs").write_text("somebody else's")
    with tarfile.open(tmp_path / "made.tar", "w:gz") as archive:
        archive.add(tmp_path / "ort.wasm.bundle.min.mjs", "package/dist/ort.wasm.bundle.min.mjs")
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\nfor last; do :; done\n/bin/cp {tmp_path}/made.tar $last/made.tgz\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "is not the one that was tested (SHA-256 of ort" in error_line(sssd_export("web", tiny_engine, out))
    assert not out.exists()


def _told_ahead(manifest: dict[str, Any]) -> dict[str, Any]:
    """The same of a model that is told of holidays."""
    inputs = [
        {**port, "shape": [*port["shape"][:-1], port["shape"][-1] + 1]} if port["name"].startswith("values") else port
        for port in manifest["inputs"]
    ]
    known = {"name": "values_known", "dtype": "float64", "shape": ["windows", max(manifest["horizons"]), 1]}
    spec = {**manifest["spec"], "known": [{"column": "holiday", "country": "DE"}]}
    (part,) = manifest["parts"]
    inputs.append({**known, "meaning": "holidays"})
    return {"spec": spec, "inputs": inputs, "parts": [{**part, "inputs": inputs}]}
