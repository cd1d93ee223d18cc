"""Running an engine: the eager pipeline's forecasts, from any batch, in any thread, and no wrong input taken."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compiled import Compiled
from hypothesis import given, settings
from hypothesis import strategies as st

from sssd_engine import engine as runtime
from sssd_engine import load_engine
from sssd_engine.engine import Engine, EngineError
from sssd_engine.manifest import read_manifest, write_manifest
from sssd_engine.noise import NoiseShape, draw_noise
from sssd_export.build.parity import TOLERANCE, largest_error
from sssd_export.forecaster import engine_inputs
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.sampling.noise import path_noise


@pytest.fixture(scope="module")
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    first=st.integers(0, 10**6),
    windows=st.integers(1, 4),
    samples=st.integers(1, 9),
    paths=st.tuples(st.integers(1, 12), st.integers(1, 3)),
    draws=st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 4)),
)
def test_a_seed_stands_for_the_pipelines_noise(
    seed: int, first: int, windows: int, samples: int, paths: tuple[int, int], draws: tuple[int, int, int]
) -> None:
    shape = NoiseShape(paths, draws)
    ours, drawn = draw_noise(seed, first, windows, samples, shape)
    cores = path_noise(seed, first, windows, samples, shape)
    np.testing.assert_array_equal(ours, cores.paths)
    np.testing.assert_array_equal(drawn.swapaxes(0, 1), cores.draws)


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_same_seed_gives_the_pipelines_forecast(
    tiny_model: Path, tiny: Compiled, engine: Engine, seed: int
) -> None:
    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    eager = pipeline(tiny.windows, num_inference_steps=6, num_samples=20, generator=seed).samples
    seen = engine(engine_inputs(tiny.windows), 20, seed).samples
    assert seen.dtype == np.float64
    assert largest_error(seen, eager) <= TOLERANCE
    other = engine(engine_inputs(tiny.windows), 20, seed + 1).samples
    assert largest_error(other, eager) > 0.1


def test_a_frame_is_forecast_from_its_last_bars(
    tiny_model: Path, engine: Engine, tiny_frame: pd.DataFrame, tiny_csv: Path
) -> None:
    seen = engine(tiny_frame, 20, seed=1)
    eager = SSSDPipeline.from_pretrained(tiny_model)(tiny_csv, num_inference_steps=6, num_samples=20, generator=1)
    assert seen.samples.shape == (1, 20, 2, 1)
    assert largest_error(seen.samples, eager.samples) <= TOLERANCE
    np.testing.assert_array_equal(engine(str(tiny_csv), 20, seed=1).samples, seen.samples)
    np.testing.assert_array_equal(engine.sample(engine.encode(tiny_csv), 20, seed=1).samples, seen.samples)
    (streamed,) = engine.stream(tiny_frame, 20, seed=1)
    np.testing.assert_array_equal(streamed.samples, seen.samples)
    earlier = engine(tiny_frame.iloc[:-1], 20, seed=1)
    assert largest_error(earlier.samples, eager.samples) > 0.01


def test_a_frame_that_is_no_use_says_why(engine: Engine, tiny_frame: pd.DataFrame) -> None:
    with pytest.raises(SSSDError, match="close"):
        engine(tiny_frame.drop(columns="close"))
    with pytest.raises(SSSDError, match="too few bars"):
        engine(tiny_frame.head(3))
    with pytest.raises(EngineError, match=r"takes a frame, its file, or values_1h.*; got list"):
        engine([1.0, 2.0])  # type: ignore[arg-type]


def test_a_forecast_does_not_depend_on_its_batch(tiny: Compiled, engine: Engine) -> None:
    whole = engine(engine_inputs(tiny.windows), seed=3)
    for start, stop in ((0, 1), (2, 5), (4, 8)):
        part = engine(engine_inputs(tiny.windows.part(start, stop)), seed=3, first_window=start)
        assert largest_error(part.samples, whole.samples[start:stop]) <= TOLERANCE
    again = engine(engine_inputs(tiny.windows), seed=3)
    np.testing.assert_array_equal(again.samples, whole.samples)


@pytest.mark.parametrize("samples", [1, 2, 3, 100])
def test_quantiles_are_numpys(joint: Compiled, engine: Engine, tiny: Compiled, samples: int) -> None:
    for made, windows in ((engine, tiny.windows), (joint.engine("ddim", 2), joint.windows)):
        forecast = made(engine_inputs(windows), samples)
        expected = np.moveaxis(np.quantile(forecast.samples, made.quantile_levels, axis=1), 0, 1)
        assert forecast.quantiles.shape == expected.shape
        np.testing.assert_allclose(forecast.quantiles, expected, rtol=1e-13, atol=1e-13)


def test_the_number_of_samples_is_as_exported_or_as_asked(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    assert engine(inputs).samples.shape == (1, 16, 2, 1)
    assert engine(inputs, 5).samples.shape == (1, 5, 2, 1)
    for count in (0, -1):
        with pytest.raises(EngineError, match=f"1 or more and at most .*, got {count}"):
            engine(inputs, count)


def test_threads_share_an_engine(engine: Engine, tiny: Compiled) -> None:
    inputs = [engine_inputs(tiny.windows.part(index, index + 2)) for index in range(6)]
    jobs = [(batch, seed) for batch in inputs for seed in range(4)]
    serial = [engine(batch, 50, seed).samples for batch, seed in jobs]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(lambda job: engine(job[0], 50, job[1]).samples, jobs))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one, other)


def test_lists_of_numbers_will_do(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 2))
    lists = {name: array.tolist() for name, array in inputs.items()}
    np.testing.assert_array_equal(engine(lists).samples, engine(inputs).samples)


def test_wrong_inputs_are_refused_and_named(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 3))
    cases = [
        ({}, "takes values_1h, values_4h, times_1h, times_4h; got nothing"),
        ({**inputs, "volume": inputs["values_1h"]}, "got .*volume"),
        ({name: inputs[name] for name in list(inputs)[1:]}, "the engine takes"),
        ({**inputs, "values_4h": inputs["values_4h"][:2]}, r"values_4h has shape \(2, 6, 5\); with 3 windows"),
        ({**inputs, "values_1h": inputs["values_1h"][:, 1:]}, r"values_1h has shape \(3, 23, 5\)"),
        ({**inputs, "values_1h": 1.0}, r"values_1h has shape \(\)"),
        ({**inputs, "times_1h": inputs["times_1h"].astype("datetime64[s]")}, r"times_1h is datetime64\[s\]; .* int64"),
        ({**inputs, "times_1h": inputs["times_1h"] + 0.5}, "times_1h is float64"),
    ]
    for given_inputs, message in cases:
        with pytest.raises(EngineError, match=message):
            engine(given_inputs)


@pytest.mark.parametrize("shape", [(1, 1, 4, 2, 1), (3, 2, 4, 2, 1), (3, 1, 4, 1, 1), (3, 4, 2, 1), (3, 1, 4, 2, 2)])
def test_noise_that_would_be_broadcast_is_refused(engine: Engine, tiny: Compiled, shape: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="noise has shape"):
        engine(engine_inputs(tiny.windows.part(0, 3)), noise=np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize(("loop", "split"), [("unrolled", False), ("unrolled", True), ("step", False)])
def test_no_windows_give_an_empty_forecast(tiny: Compiled, loop: str, split: bool) -> None:
    """ONNX Runtime itself ends the process."""
    engine = tiny.engine("ddim", 2, loop, split)
    nothing = engine_inputs(tiny.windows.part(0, 0))
    for made in (engine(nothing, 5), engine.sample(engine.encode(nothing), 5), *engine.stream(nothing, 5)):
        assert made.samples.shape == (0, 5, 2, 1)
        assert made.quantiles.shape == (0, len(engine.quantile_levels), 2, 1)


def test_values_that_no_forecast_can_come_from_are_refused(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 3))
    values, times = inputs["values_1h"], inputs["times_1h"]
    cases = [
        ({"values_1h": changed(values, (1, 2, 3), np.nan)}, r"values_1h\[1, 2, 3\] \(close\) is nan, .* finite number"),
        ({"values_1h": changed(values, (0, 0, 4), np.inf)}, r"values_1h\[0, 0, 4\] \(volume\) is inf"),
        ({"times_1h": times[:, ::-1]}, r"times_1h\[0, 1\] is not after the bar before it: .* oldest first"),
        ({"times_1h": changed(times, (2, 5), times[2, 4])}, r"times_1h\[2, 5\] is not after the bar before it"),
        ({"times_1h": times * 1000}, r"times_1h has \d+; it has to be in seconds since 1970-01-01 UTC"),
        ({"values_1h": [[[1.0], [2.0, 3.0]]]}, "the inputs are no arrays"),
    ]
    for given_inputs, message in cases:
        with pytest.raises(EngineError, match=message):
            engine({**inputs, **given_inputs})
    spec = {**engine.manifest["spec"], "target_kind": "log-return"}
    logs = Engine({**engine.manifest, "spec": spec}, engine.parts)
    logs({**inputs, "values_1h": changed(values, (1, 2, 4), 0.0)})  # no volume is nothing unusual
    for price in (0.0, -1.0):
        with pytest.raises(EngineError, match=r"values_1h\[1, 2, 0\] \(open\) is .*; of a model of log-returns"):
            logs({**inputs, "values_1h": changed(values, (1, 2, 0), price)})


def test_what_is_no_number_of_samples_or_no_seed_is_refused(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    for count in (2.5, "5", 10**12, 0):
        with pytest.raises(EngineError, match="num_samples has to be a whole number"):
            engine(inputs, count)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="seed has to be a whole number, 0 or more, got -1"):
        engine(inputs, 5, -1)


def changed(array: np.ndarray[Any, Any], place: tuple[int, ...], value: float) -> np.ndarray[Any, Any]:
    """A copy with another value at one place."""
    copied = array.copy()
    copied[place] = value
    return copied


def test_an_engine_for_another_runtime_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_engine, tmp_path / "engine"))
    manifest = read_manifest(folder)
    (part,) = manifest["parts"]
    write_manifest(folder, {**manifest, "parts": [{**part, "runtime": "os.system"}]})
    with pytest.raises(EngineError, match=r"runtime 'os\.system', which this version does not know"):
        load_engine(folder)
    write_manifest(folder, {**manifest, "target": "mine", "parts": []})
    with pytest.raises(EngineError, match="of target 'mine', whose own plugin has to load it"):
        load_engine(folder)


def test_a_graph_is_looked_for_in_the_folder_only(tiny_engine: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_engine, tmp_path / "engine"))
    manifest = read_manifest(folder)
    (part,) = manifest["parts"]
    for name in (str(tiny_engine / "model.onnx"), "../model.onnx", "other.onnx"):
        write_manifest(folder, {**manifest, "parts": [{**part, "graph": name}]})
        with pytest.raises(EngineError, match=r"the name of a file in the folder|which is not one of its files"):
            load_engine(folder)


@pytest.mark.parametrize("loop", ["unrolled", "loop", "step"])
@pytest.mark.parametrize("split", [False, True])
def test_however_it_is_laid_out_an_engine_gives_the_same(
    tiny: Compiled, joint: Compiled, loop: str, split: bool
) -> None:
    """Stochastic, multi-step and dense solvers; encoded once, and sampled from twice."""
    for case, scheduler, steps in (
        (tiny, "dpmsolver++", 5),
        (joint, "ddpm", 4),
        (joint, "pndm", 4),
        (tiny, "sa-solver", 5),
    ):
        whole = case.engine(scheduler, steps)
        other = case.engine(scheduler, steps, loop, split)
        inputs = engine_inputs(case.windows.part(0, 3))
        expected = [whole(inputs, 20, seed).samples for seed in (0, 1)]
        encoded = other.encode(inputs)
        assert ("condition" in encoded.values or loop == "step") == (split or loop == "step")
        for seed in (0, 1):
            assert largest_error(other.sample(encoded, 20, seed).samples, expected[seed]) <= TOLERANCE


def test_a_stream_is_one_call_in_pieces(tiny: Compiled, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = engine_inputs(tiny.windows)
    whole = engine(inputs, 10, 7).samples
    monkeypatch.setattr(runtime, "_AT_ONCE", 3 * 10 * engine.noise_shape.size)
    pieces = [made.samples for made in engine.stream(inputs, 10, 7)]
    assert [len(piece) for piece in pieces] == [3, 3, 2]
    assert largest_error(np.concatenate(pieces), whole) <= TOLERANCE


def test_a_closed_engine_says_so(tiny_engine: Path, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    with load_engine(tiny_engine) as opened:
        opened(inputs)
    with pytest.raises(EngineError, match="was closed: load it again"):
        opened(inputs)


def test_an_engine_says_what_it_was_built_for(engine: Engine) -> None:
    assert engine.horizons == (1, 4)
    assert 0.5 in engine.quantile_levels
    names = [entry["name"] for entry in engine.manifest["inputs"]]
    assert names == ["values_1h", "values_4h", "times_1h", "times_4h", "noise"]
    assert all(entry["meaning"] and entry["shape"][0] == "windows" for entry in engine.manifest["inputs"])
    assert [entry["name"] for entry in engine.manifest["outputs"]] == ["samples", "quantiles"]
    assert engine.manifest["outputs"][0]["shape"] == ["windows", "samples", 2, 1]


def test_without_onnx_runtime_it_says_what_to_install(tiny_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match=r"needs ONNX Runtime: pip install 'sssd-engine\[onnx\]'"):
        load_engine(tiny_engine)
