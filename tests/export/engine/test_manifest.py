"""A manifest proves that its folder is the one that was exported."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sssd_engine import EngineError, load_engine
from sssd_engine.manifest import read_manifest, sha256, write_manifest
from sssd_engine.solver_fields import SOLVER_FIELDS, solver_faults


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


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_links_are_refused(folder: Path, name: str) -> None:
    """With a remedy that works."""
    (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)
    with pytest.raises(EngineError, match=rf"{folder}/{name} is a link: copy .* \(cp -rL\)"):
        load_engine(folder)
    subprocess.run(["cp", "-rL", folder, folder.parent / "copy"], check=True)
    load_engine(folder.parent / "copy")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": ' + "9" * 5_000 + "}",
        '{"format": 5, "a": NaN}',
        '{"format": 5, "a": ' + "[" * 500 + "]" * 500 + "}",
        '{"format": 5, "a": "\\ud800"}',
        " " * (65 << 20),
    ],
    ids=["depth", "digits", "NaN", "levels", "surrogate", "length"],
)
def test_a_manifest_that_would_exhaust_its_reader_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(EngineError, match=f"^{folder}/manifest.json .*: export anew$"):
        load_engine(folder)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"num_samples": 10**12}, r"num_samples is 1000000000000, and has to be a whole number from 1 to 1000000"),
    ({"num_samples": True}, "num_samples is True"),
    ({"latent_shape": [10**6]}, r"latent_shape is \[1000000\], and has to be a list"),
    ({"network_in_use": 1}, "network_in_use is 1, and has to be true or false"),
    ({"horizons": [1]}, "samples has the shape"),
    ({"horizons": [4, 4]}, "horizons has one twice"),
    ({"horizons": "1, 4"}, "horizons is '1, 4', and has to be a list"),
    ({"quantile_levels": [0.5]}, "quantiles has the shape"),
    ({"quantile_levels": [0.1, 2]}, "quantile_levels has to ascend between 0 and 1"),
    ({"spec": None}, "spec is None, and has to be an object"),
    ({"versions": {"torch": 2}}, "versions is .* an object whose values are each text"),
    ({"parity": {"max_error": "small"}}, "parity: max_error is 'small'"),
    ({"test_start": 2**70}, "test_start is too large a number"),
    ({"files": {"model.onnx": "0" * 63}}, "files is .* SHA-256"),
    ({"files": []}, "files is .*, and has to be an object"),
    ({"parts": [{}]}, r"parts\[0\]: name is missing"),
    ({"parts": {"a": 1}}, "parts is .*, and has to be a list"),
]


@pytest.mark.parametrize(("changes", "reason"), CHANGES)
def test_an_entry_that_is_not_what_it_has_to_be_is_named(folder: Path, changes: dict[str, Any], reason: str) -> None:
    rewrite(folder, **changes)
    with pytest.raises(EngineError, match=rf"^{folder}/manifest.json is no engine's: .*{reason}.*: export anew$"):
        load_engine(folder)


def test_entries_that_its_graphs_were_not_built_for_are_refused(folder: Path) -> None:
    """Each is possible by itself, and the manifest's hash fits."""
    for changes in ({"horizons": [1, 5]}, {"scheduler": "ddpm"}, {"test_start": 0}, {"num_calls": 7}):
        before = (folder / "manifest.json").read_text()
        rewrite(folder, **changes)
        with pytest.raises(EngineError, match="is not that of its graphs, which were built for something else"):
            load_engine(folder)
        (folder / "manifest.json").write_text(before)


def test_graphs_whose_weights_are_elsewhere_are_refused(folder: Path) -> None:
    """A file beside it that the manifest has no hash of, one outside of the folder, by a path or by a link."""
    import onnx

    graph = (folder / "model.onnx").read_bytes()
    weights = np.arange(99, dtype=np.float32).tobytes()
    (folder.parent / "weights.bin").write_bytes(weights)
    (folder / "weights.bin").write_bytes(weights)
    (folder / "link.bin").symlink_to(folder.parent / "weights.bin")
    for place in ("weights.bin", "link.bin", "../weights.bin", str(folder.parent / "weights.bin")):
        model = onnx.load_from_string(graph)
        tensor = next(each for each in model.graph.initializer if each.data_type == 1 and len(each.dims))
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        rewrite(folder, files={name: sha256(folder / name) for name in ("model.onnx", "correlation.bin")})
        with pytest.raises(EngineError, match=r"model\.onnx is no graph that ONNX Runtime takes: [^\n]+$"):
            load_engine(folder)


def test_a_damaged_graph_that_was_signed_again_is_refused_in_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for content in (b"", b"junk", (folder / "model.onnx").read_bytes()[:-1000]):
        (folder / "model.onnx").write_bytes(content)
        rewrite(folder, files={name: sha256(folder / name) for name in ("model.onnx", "correlation.bin")})
        with pytest.raises(EngineError, match=r"^[^\n]+$"):
            load_engine(folder)
    assert capfd.readouterr() == ("", "")


def test_a_loop_outside_of_the_graph_is_checked() -> None:
    updates = [[["noise", 0, 1.0]], [["output", 0, 1.0]], [["state", 1, 0.5], ["output", 1, 0.5]]]
    good: dict[str, Any] = {"one_time": True, "memory": 2, "timesteps": [9.0, 1.0], "updates": updates}
    good |= {"leading": [2, 1], "latent": [1, 2]}
    assert all(SOLVER_FIELDS[name].holds(value) for name, value in good.items())
    assert list(solver_faults(good, 1, (3, 1))) == []
    for update, reason in (
        ([["state", 2, 1.0]], "update 2 takes state 2, and there are 2"),
        ([["noise", 1, 1.0]], "update 2 takes noise 1, and there are 1"),
    ):
        assert reason in next(solver_faults({**good, "updates": [*good["updates"][:2], update]}, 1, (3, 1)))
    assert "3 updates for 1 time steps" in next(solver_faults({**good, "timesteps": [9.0]}, 1, (3, 1)))
    for wrong_latent in ({"leading": [4, 1]}, {"leading": [2, 2]}, {"latent": [1, 3]}):
        assert "solver begins with" in next(solver_faults({**good, **wrong_latent}, 1, (3, 1)))
    for wrong in ([], [["noise", 0]], [["noise", -1, 1.0]], [["all", 0, 1.0]], [["noise", 0, "1"]], "noise"):
        assert not SOLVER_FIELDS["updates"].holds([wrong, [["noise", 0, 1.0]]])


def rewrite(folder: Path, **changes: object) -> None:
    """Change entries as an exporter would: with a hash that fits."""
    from sssd_engine.manifest import _digest

    entries = json.loads((folder / "manifest.json").read_text())
    del entries["sha256"]
    entries |= changes
    (folder / "manifest.json").write_text(json.dumps({**entries, "sha256": _digest(entries)}))


def _same_json(before: bytes, after: bytes) -> bool:
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False
