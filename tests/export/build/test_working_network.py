"""A parity check that can fail: on a network that works, reduced precision shows its own error, and not fp32's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from cli_runner import sssd_export
from compiled import Compiled

from sssd_engine.engine import Engine, EngineForecast
from sssd_engine.noise import draw_noise
from sssd_engine.part import OnnxPart
from sssd_export.build import assemble as builder
from sssd_export.build.joint_errors import largest_path_error, network_share
from sssd_export.build.parity import check_parity, largest_error, live_samples
from sssd_export.graph.quantise import quantise
from sssd_export.inspection import describe, inspected
from sssd_export.request import export_model
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.make_scheduler import make_scheduler


@pytest.fixture
def traced(tiny: Compiled, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Exports of the tiny model take its pieces from the fixture instead of tracing again."""
    monkeypatch.setattr(builder, "trace", lambda *_: tiny.pieces)
    return tiny


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_int8_shows_the_error_of_int8(traced: Compiled, tiny_model: Path, tmp_path: Path, target: str) -> None:
    """Of a network that is left out it would show 1e-6, as fp32 does."""
    pytest.importorskip("onnxruntime" if target == "onnx" else "openvino")
    errors = {}
    for precision in ("fp32", "int8"):
        made = export_model(tiny_model, tmp_path / precision, target, precision=precision, steps=4)
        errors[precision] = made["parity"]["max_error"]
        assert made["parity"]["network_share"] > 0.05
    assert errors["fp32"] < 2e-5
    assert 100 * errors["fp32"] < errors["int8"] < 1


def test_wrong_weights_in_the_head_are_found(tiny: Compiled) -> None:
    """In int8's wide tolerance too: its products with every weight's sign turned are an engine of something else."""
    tableau = tiny.tableau("ddim", 4)
    model = quantise(builder.build_graph(tiny.pieces, tableau))
    for value in model.graph.initializers.values():
        if value.const_value is not None and value.const_value.dtype.name == "INT8":
            value.const_value = builder.ir.tensor(-value.const_value.numpy().clip(-127, 127), name=value.name)
    engine = tiny.engine("ddim", 4)
    wrong = Engine({**engine.manifest, "scheduler": "ddim"}, [OnnxPart(builder.literal_session(model))])
    with pytest.raises(SSSDError, match="is allowed in int8: it was not written"):
        check_parity(wrong, tiny.network, scheduler(tiny), 4, tiny.windows, "int8")


def test_how_far_the_network_moves_samples(tiny: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 where sampling ends where it begins."""
    noise, draws = draw_noise(1, 0, len(tiny.windows), 16, tiny.network.noise_shape(tiny.tableau("ddim", 4)))
    scheduler = make_scheduler("ddim", tiny.network.schedule)
    made = live_samples(tiny.network, scheduler, 4, tiny.windows, tiny.horizons, (noise, draws))
    assert network_share(tiny.network, made, tiny.windows, tiny.horizons, noise) > 0.05
    monkeypatch.setattr(tiny.network, "moved", lambda start, *_: start)
    idle = live_samples(tiny.network, scheduler, 4, tiny.windows, tiny.horizons, (noise, draws))
    assert network_share(tiny.network, idle, tiny.windows, tiny.horizons, noise) == 0


def test_steps_of_paths_are_measured_by_themselves() -> None:
    """Two values that go together to a hundredth: swapping what they differ by is little beside either."""
    random = np.random.default_rng(0)
    level, step = random.normal(size=(2, 1, 500, 1, 1)), 0.02 * random.normal(size=(2, 1, 500, 1, 1))
    expected = np.concatenate([level[:1, 0], level[:1, 0] + step[:1, 0]], axis=2)
    wrong = np.concatenate([level[:1, 0], level[:1, 0] - step[:1, 0]], axis=2)
    assert largest_error(wrong, expected) < 0.2
    assert largest_path_error(wrong, expected) > 3
    assert largest_path_error(expected, expected) == 0
    assert largest_path_error(expected[:, :, :1], expected[:, :, :1]) == 0  # of one horizon there are no steps


def test_paths_that_are_joined_otherwise_are_found(tiny: Compiled) -> None:
    """Right at every horizon, to its tolerance, and wrong from one to the next."""
    engine = tiny.engine("ddim", 4)
    manifest = {**engine.manifest, "scheduler": "ddim"}

    def altered(inputs: Any, *, noise: Any, draws: Any) -> EngineForecast:
        made = engine(inputs, noise=noise, draws=draws)
        alike = made.samples[:, :, :1].repeat(2, axis=2)
        return EngineForecast(alike, made.quantiles[:, :, :1].repeat(2, axis=2))

    with pytest.raises(SSSDError, match="it was not written"):
        check_parity(stand_in(engine, altered, manifest), tiny.network, scheduler(tiny), 4, tiny.windows, "int8")


def scheduler(case: Compiled) -> Any:
    return lambda: make_scheduler("ddim", case.network.schedule)


def stand_in(engine: Engine, call: Any, manifest: Any) -> Any:
    face = {name: getattr(engine, name) for name in ("horizons", "quantile_levels", "noise_shape")}
    return type("StandIn", (), {**face, "manifest": manifest, "__call__": staticmethod(call)})()


def test_what_the_network_does_is_told(tiny_engine: Path) -> None:
    found = inspected(tiny_engine)
    assert "of which the network moves them 0." in describe(tiny_engine, found)
    idle = {**found, "parity": {**found["parity"], "network_share": 0.0}, "network_in_use": False}
    assert "the model's network was left out" in describe(tiny_engine, idle)
    assert "of which the network moves" not in describe(tiny_engine, idle)
    assert "of which the network moves them 0." in sssd_export("inspect", tiny_engine).out


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_graph_says_what_it_takes_and_gives(
    traced: Compiled, tiny_model: Path, tmp_path: Path, precision: str
) -> None:
    """As the manifest does; every graph of several says it all, and what it computes is the same."""
    manifest = export_model(tiny_model, tmp_path / "engine", precision=precision, steps=2, split=True)
    words = {port["name"]: port["meaning"] for side in ("inputs", "outputs") for port in manifest[side]}
    for part in manifest["parts"]:
        model = onnx.load(tmp_path / "engine" / part["graph"])
        told = {entry.key.removeprefix("sssd."): entry.value for entry in model.metadata_props}
        for name in ("inputs", "outputs", "horizons", "quantile_levels", "num_samples"):
            assert json.loads(told[name]) == manifest[name]
        for name in ("columns", "targets", "target_kind", "timeframes"):
            assert json.loads(told[name]) == manifest["spec"][name]
        ports = [*model.graph.input, *model.graph.output]
        assert {port.name: port.doc_string for port in ports if port.name in words} == {
            port.name: words[port.name] for port in ports if port.name in words
        }
        assert any(port.name in words for port in ports)
    assert "seconds since 1970-01-01 UTC" in words["times_1h"]
