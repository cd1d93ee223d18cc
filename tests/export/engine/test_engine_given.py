"""Engines that are given a part of the future: the pipeline's samples, and no wrong input taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from compiled import Compiled, liven

from sssd_engine import load_engine
from sssd_engine.conditioning import Conditioning, read_conditioning
from sssd_engine.engine import Engine, EngineError
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_export.build.conditioning_entry import conditioning_entry
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs
from sssd_registry.model import correlation
from sssd_registry.model.conditioning import path_correlation
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.storage.sampling_defaults import SamplingDefaults

# Of a standard deviation: float32 paths, and a linear solve that makes at most some ten times more of it.
CLOSE = 1e-3


@pytest.fixture(scope="module")
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine)


def conditioning_of(network: Any, folder: Path) -> Conditioning:
    """Written and read as an engine's is."""
    spec = network.spec
    entry = conditioning_entry(network, spec.horizons, folder)
    made = read_conditioning(folder, {"conditioning": entry, "spec": spec.model_dump(mode="json")})
    assert made is not None
    return made


@pytest.mark.parametrize("joined", [True, False])
def test_an_engine_knows_the_models_correlation(
    joint: Compiled, joined: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(correlation, "_MOST_JOINT", 1024 if joined else 0)
    network = liven(make_network(joint.network.spec, joint.network.config))
    made = conditioning_of(network, tmp_path)
    assert (made.over_targets is None) == joined
    rows = network.correlation.rows(torch.tensor(joint.horizons, dtype=torch.float32))
    whole = path_correlation(network.correlation, rows).numpy()
    np.testing.assert_allclose(made.with_known(np.ones((3, 2), dtype=bool)), whole, atol=1e-12)
    some = np.array([[True, False], [False, False], [True, True]])
    np.testing.assert_allclose(made.with_known(some), whole[:, some.reshape(-1)], atol=1e-12)
    assert np.abs(whole - np.eye(6)).max() > 0.1


def test_a_network_that_works_is_given_what_its_pipeline_is(joint: Compiled, tmp_path: Path) -> None:
    """Two targets as log-returns, of one only what is in the middle, and another pattern in each window."""
    network = joint.network
    assert network.in_use
    bare = joint.engine("ddim", 3)
    manifest = {**bare.manifest, "spec": network.spec.model_dump(mode="json")}
    made = Engine(manifest, bare.parts, conditioning=conditioning_of(network, tmp_path))
    scheduler = make_scheduler("ddim", network.schedule)
    pipeline = ModelPipeline(network, scheduler, sampling_defaults=SamplingDefaults())
    windows = joint.windows.part(0, 3)
    given = np.full((3, 3, 2), np.nan)
    given[0, 1, 0], given[1, :, 1], given[2, 2] = 0.05, [0.01, 0.02, -0.04], [0.0, 0.1]
    eager = pipeline(windows, num_inference_steps=3, num_samples=40, generator=2, given=given).samples
    seen = made(engine_inputs(windows), 40, 2, given=given)
    assert largest_error(seen.samples, eager, pipeline(windows, num_samples=40, generator=2).samples) < CLOSE
    known = ~np.isnan(given)
    assert (seen.samples.swapaxes(0, 1)[:, known] == given[known]).all()
    free = made(engine_inputs(windows), 40, 2)
    assert largest_error(free.samples, eager) > 0.3
    quantiles = np.quantile(seen.samples, made.quantile_levels, axis=1).swapaxes(0, 1)
    np.testing.assert_allclose(seen.quantiles, quantiles)
    by_name = made(engine_inputs(windows), 40, 2, given={"gbp": given[..., 1], "jpy": given[..., 0]})
    np.testing.assert_array_equal(by_name.samples, seen.samples)


def test_a_built_engine_is_given_what_its_pipeline_is(
    tiny_model: Path, tiny: Compiled, engine: Engine, tiny_frame: pd.DataFrame
) -> None:
    pipeline = ModelPipeline.from_pretrained(tiny_model)
    (name,), bars = pipeline.spec.targets, len(engine.horizons)
    end = np.full(bars, np.nan)
    end[-1] = pipeline(tiny_frame, num_samples=50, generator=1).samples[0, :, -1, 0].max()
    eager = pipeline(tiny_frame, num_inference_steps=6, num_samples=50, generator=1, given={name: end}).samples
    seen = engine(tiny_frame, 50, 1, given={name: end}).samples
    free = engine(tiny_frame, 50, 1).samples
    assert largest_error(seen, eager, free) < CLOSE
    assert largest_error(free[:, :, :1], eager[:, :, :1]) > 0.3
    (streamed,) = engine.stream(tiny_frame, 50, 1, given={name: end})
    np.testing.assert_array_equal(streamed.samples, seen)
    nothing = engine(tiny_frame, 50, 1, given={name: np.full(bars, np.nan)}).samples
    np.testing.assert_allclose(nothing, free, rtol=1e-12)


def test_what_is_given_is_checked(engine: Engine, tiny: Compiled, tiny_engine: Path) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 2))
    (name,) = engine.manifest["spec"]["targets"]
    for given, words in (
        ({"x": [0.0, 0.0]}, f"given: 'x' is no target; the engine's are {name}"),
        ({name: [0.0]}, rf"'{name}' has to be finite numbers, or NaN, of shape \(2, 2\) \(windows, horizons\)"),
        ({name: [0.0, np.inf]}, "has to be finite numbers"),
        (np.zeros((3, 2, 1)), r"of shape \(2, 2, 1\) \(windows, horizons, targets\), got shape \(3, 2, 1\)"),
        ({name: ["a", "b"]}, "has to be an array of numbers"),
    ):
        with pytest.raises(EngineError, match=words) as raised:
            engine(inputs, given=given)
        assert "\n" not in str(raised.value)
    old = Engine(engine.manifest, engine.parts)
    with pytest.raises(EngineError, match="keeps no correlation, and can be given nothing of the future: export anew"):
        old(inputs, given={name: [0.0, 0.0]})


def test_a_manifest_of_another_correlation_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "engine"
    for change, words in (
        ({"shapes": [[1, 3, 24], [1, 1]]}, "which are of no correlation of 2 × 1"),
        ({"shapes": [[1, 2, 7], [1, 1]]}, "is not of this engine's correlation"),
        ({"file": "other.bin"}, "which is not one of its files"),
        ({"margins": [[0.0]]}, "conditioning: margins is"),
    ):
        shutil.copytree(tiny_engine, folder)
        manifest = read_manifest(folder)
        manifest["conditioning"] |= change
        write_manifest(folder, {key: value for key, value in manifest.items() if key not in ("files", "format")})
        with pytest.raises(EngineError, match=words):
            load_engine(folder)
        shutil.rmtree(folder)
    assert json.loads((tiny_engine / "manifest.json").read_text())["conditioning"]["shapes"][0][1] == 2
