"""The target ``torch-aot``: the same forecasts as the model, and machine code that nobody runs unasked."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import Compiled

from sssd_engine import EngineError, load_engine, runtimes
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_export.auto.search import targets_here
from sssd_export.build import assemble as builder
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs
from sssd_export.request import export_model
from sssd_export.targets.torch_aot import register_targets, unavailable
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.registry import registry


@pytest.fixture
def traced(tiny: Compiled, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Exports of the tiny model take its pieces from the fixture instead of tracing again."""
    monkeypatch.setattr(builder, "trace", lambda *_: tiny.pieces)
    if "torch-aot" not in registry().targets:
        pytest.skip("the installed sssd-registry is of before this target, or there is no C++ compiler")
    return tiny


def test_code_is_not_opened_unasked(tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by its name, its hash or a true-looking word; nothing of it is even looked at."""
    folder = Path(shutil.copytree(tiny_engine, tmp_path / "engine"))
    manifest = read_manifest(folder)
    (part,) = manifest["parts"]
    package = {"torch": "2.6", "device": "cpu", "processor": "x86_64", "order": ["noise"]}
    write_manifest(folder, {**manifest, "parts": [{**part, "runtime": "torch-aot", "package": package}]})
    opened: list[Any] = []
    monkeypatch.setitem(runtimes._RUNTIMES, "torch-aot", lambda *given: opened.append(given))  # type: ignore[index]
    monkeypatch.delenv("SSSD_TRUST_NATIVE_CODE", raising=False)
    for trust in (None, False, 0, "yes", 1):
        with pytest.raises(EngineError, match=r"is machine code.*trust_native_code=True\), or set SSSD_TRUST"):
            load_engine(folder, trust_native_code=trust)  # type: ignore[arg-type]
    for word in ("0", "", "true", "yes"):
        monkeypatch.setenv("SSSD_TRUST_NATIVE_CODE", word)
        with pytest.raises(EngineError, match="is machine code"):
            load_engine(folder)
    monkeypatch.setenv("SSSD_TRUST_NATIVE_CODE", "1")
    with pytest.raises(EngineError, match="is machine code"):
        load_engine(folder, trust_native_code=False)
    assert not opened
    load_engine(tiny_engine, trust_native_code=False)  # which is none


def test_the_entry_of_a_package_is_checked(tiny_engine: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_engine, tmp_path / "engine"))
    manifest = read_manifest(folder)
    (part,) = manifest["parts"]
    for package in (None, [], {"torch": "2.6"}, {"torch": "2.6", "device": "tpu", "order": ["noise"]},
                    {"torch": 2, "device": "cpu", "order": ["noise"]}):  # fmt: skip
        write_manifest(folder, {**manifest, "parts": [{**part, "runtime": "torch-aot", "package": package}]})
        with pytest.raises(EngineError, match="package"):
            load_engine(folder, trust_native_code=True)


def test_auto_tries_it_where_it_is_named(traced: Compiled) -> None:
    assert "torch-aot" not in {name for name, _ in targets_here(None)}
    assert [name for name, _ in targets_here("torch-aot")] == ["torch-aot"]


@pytest.mark.parametrize(("options", "message"), [
    ({"loop": "loop"}, "takes neither --loop nor --split"),
    ({"split": True}, "takes neither --loop nor --split"),
    ({"precision": "bf16"}, "builds fp32, not 'bf16'"),
    ({"target": "torch-aot:device=tpu"}, "device is cpu or cuda, not 'tpu'"),
])  # fmt: skip
def test_what_it_cannot_build(
    traced: Compiled, tiny_model: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SSSDError, match=message):
        export_model(tiny_model, tmp_path / "engine", **{"target": "torch-aot", "steps": 2, **options})


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert unavailable() == "there is no C++ compiler no-such-compiler: install one, or set CXX"
    assert register_targets()[0].native_code


@pytest.mark.slow
def test_it_forecasts_as_the_model_does(traced: Compiled, tiny_model: Path, tmp_path: Path) -> None:
    """A solver that draws noise on its way, for any numbers of windows and samples, one of each among them."""
    folder = tmp_path / "engine"
    made = export_model(tiny_model, folder, "torch-aot", scheduler="ddpm", steps=3, samples=16)
    assert [part["runtime"] for part in made["parts"]] == ["onnxruntime", "torch-aot", "onnxruntime"]
    assert made["parity"]["max_error"] < 2e-5
    assert made["parity"]["network_share"] > 0.05
    engine, other = load_engine(folder, trust_native_code=True), traced.engine("ddpm", 3)
    for windows, samples in ((1, 1), (1, 2), (1, 16), (7, 1), (3, 100)):
        inputs = engine_inputs(traced.windows.part(0, windows))
        noise, draws = noise_of(engine, windows, samples)
        seen, expected = (one(inputs, noise=noise, draws=draws).samples for one in (engine, other))
        spread = other(inputs, 50).samples
        assert seen.shape == expected.shape
        assert largest_error(seen, expected, spread) < 1e-4
    again = pickle.loads(pickle.dumps(engine))
    np.testing.assert_array_equal(again(inputs, 9).samples, engine(inputs, 9).samples)
    manifest = read_manifest(folder)
    parts = [dict(part) for part in manifest["parts"]]
    parts[1]["package"] = {**parts[1]["package"], "torch": "2.0.1"}
    write_manifest(folder, {**manifest, "parts": parts})
    with pytest.raises(EngineError, match=r"was compiled by torch 2\.0\.1, and this is"):
        load_engine(folder, trust_native_code=True)
    parts[1]["package"] = {**made["parts"][1]["package"], "processor": "sparc64 VIS"}
    write_manifest(folder, {**manifest, "parts": parts})
    with pytest.raises(EngineError, match="was compiled for sparc64 VIS, and this is"):
        load_engine(folder, trust_native_code=True)


def noise_of(engine: Any, windows: int, samples: int) -> Any:
    from sssd_engine.noise import draw_noise

    return draw_noise(5, 0, windows, samples, engine.noise_shape)
