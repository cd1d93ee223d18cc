"""What an engine is fed in the wrong unit, order or kind is one line that says so, never a wrong forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from compiled import Compiled

from sssd_engine import EngineError, load_engine
from sssd_engine.engine import Engine
from sssd_engine.input_times import check_times
from sssd_engine.noise import draw_noise
from sssd_export.forecaster import engine_inputs
from sssd_export.inspection import plain_windows
from sssd_registry.data.origins import all_origins
from sssd_registry.data.windows import windows_at
from sssd_registry.pipeline import SSSDPipeline

SPEC = {"timeframes": [{"name": "1h", "seconds": 3600}, {"name": "4h", "seconds": 14400}], "bar_months": 0}


@pytest.fixture(scope="module")
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine, threads=1)


def refused(engine: Engine, inputs: Any, message: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        engine(inputs, *arguments, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("unit", "message"), [
    (60, "bars 60 seconds apart, and not 3600: times have to be in seconds"),
    (3600, "bars 1 seconds apart"),
    (1e-3, "it has to be in seconds since 1970-01-01 UTC"),
    (1e-9, "it has to be in seconds since 1970-01-01 UTC"),
])  # fmt: skip
def test_times_in_another_unit(engine: Engine, tiny: Compiled, unit: float, message: str) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 2))
    times = {name: (array / unit).astype(np.int64) for name, array in inputs.items() if name.startswith("times")}
    refused(engine, {**inputs, **times}, message)


def test_timeframes_of_different_moments(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 2))
    for shift, message in ((4 * 3600, "seconds after the last of times_1h: give complete bars only"),
                           (-40 * 3600, "give the last complete bars, of one moment in all timeframes")):  # fmt: skip
        refused(engine, {**inputs, "times_4h": inputs["times_4h"] + shift}, message)


def test_every_window_that_data_give_is_taken(
    tiny_model: Path, tiny_frame: pd.DataFrame, joint: Compiled, engine: Engine
) -> None:
    """With weekends without bars, and where 4 hours are over and where not."""
    source = SSSDPipeline.from_pretrained(tiny_model).source(tiny_frame)
    windows = windows_at(source, all_origins(source))
    assert len(set((windows.times["1h"][:, -1] // 3600) % 4)) == 4
    check_times(engine_inputs(windows), engine.manifest)
    check_times(engine_inputs(joint.windows), {"spec": joint.network.spec.model_dump(mode="json")})
    engine(plain_windows(engine, 2), 3)


def test_a_bar_that_is_not_over_is_of_the_future() -> None:
    """At 10:00 the 4 hours from 08:00 are not over; those from 04:00 are the last, and those from 00:00 are stale."""
    hours = 3600 * np.arange(-14, 10, dtype=np.int64)[None]  # the last from 09:00 to 10:00
    for last, message in ((8, "seconds after the last of"), (4, None), (0, "last complete bars")):
        fours = 3600 * (last + 4 * np.arange(-5, 1, dtype=np.int64))[None]
        feed = {"times_1h": hours, "times_4h": fours}
        if message is None:
            check_times(feed, {"spec": SPEC})
        else:
            with pytest.raises(EngineError, match=message):
                check_times(feed, {"spec": SPEC})
        check_times(feed, {"spec": {**SPEC, "bar_months": 1}})  # of which the length is not known


def test_rows_that_overlap_are_taken() -> None:
    """Hours that begin every quarter of one."""
    times = 900 * np.arange(8, dtype=np.int64)[None]
    spec = {"timeframes": [{"name": "1h", "seconds": 3600}], "bar_months": 0}
    check_times({"times_1h": times}, {"spec": {**spec, "step_seconds": 900}})
    with pytest.raises(EngineError, match="bars 900 seconds apart, and not 3600"):
        check_times({"times_1h": times}, {"spec": spec})


def test_the_least_integer_is_no_time() -> None:
    least = np.full((1, 3), np.iinfo(np.int64).min) + np.arange(3)
    with pytest.raises(EngineError, match="has to be in seconds"):
        check_times({"times_1h": least}, {"spec": SPEC})


def test_arrays_of_something_else(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    values, times = inputs["values_1h"], inputs["times_1h"]
    for changed, message in [
        ({"values_1h": values.astype(str)}, "values_1h is <U"),
        ({"values_1h": values.astype(object)}, "values_1h is object"),
        ({"values_1h": values + 0j}, "values_1h is complex128"),
        ({"times_1h": times.astype("datetime64[s]")}, r"times_1h is datetime64\[s\]"),
        ({"values_1h": None}, "values_1h has shape"),
    ]:
        refused(engine, {**inputs, **changed}, message)


@pytest.mark.parametrize("seed", [-1, 1.0, 0.5, "3", None, True, np.nan, [1]])
def test_seeds_of_the_wrong_kind(engine: Engine, tiny: Compiled, seed: Any) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    refused(engine, inputs, "seed has to be a whole number, 0 or more", 3, seed)
    refused(engine, inputs, "first_window has to be a whole number", 3, 0, first_window=seed)


def test_seeds_of_every_right_kind(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 1))
    expected = engine(inputs, 3, 7).samples
    for seed in (np.int64(7), np.uint8(7)):
        np.testing.assert_array_equal(engine(inputs, np.int32(3), seed).samples, expected)
    engine(inputs, 3, 2**200)


@pytest.mark.parametrize("count", [True, 2.0, np.nan, [3]])
def test_numbers_of_samples_of_the_wrong_kind(engine: Engine, tiny: Compiled, count: Any) -> None:
    refused(engine, engine_inputs(tiny.windows.part(0, 1)), "num_samples has to be a whole number", count)


def test_noise_of_the_wrong_kind(engine: Engine, tiny: Compiled) -> None:
    inputs = engine_inputs(tiny.windows.part(0, 2))
    noise, none = draw_noise(3, 0, 2, 5, engine.noise_shape)
    holed = noise.copy()
    holed[1, 2, 0, 0] = np.nan
    cases: list[tuple[dict[str, Any], str]] = [
        ({"noise": holed}, r"noise\[1, 2, 0, 0\] is nan, and has to be a finite number"),
        ({"noise": noise.astype(str)}, "noise is <U"),
        ({"noise": noise + 0j}, "noise is complex"),
        ({"noise": [[1.0], [2.0, 3.0]]}, "noise and draws have to be arrays"),
        ({"noise": "normal"}, "noise has shape"),
        ({"noise": noise, "num_samples": 4}, "noise is of 5 samples, and num_samples is 4: leave it out"),
        ({"draws": noise}, "draws go with noise"),
        ({"noise": noise, "draws": noise[:, None]}, "draws no noise on its way: leave draws out"),
    ]
    for options, message in cases:
        refused(engine, inputs, message, **options)
    expected = engine(inputs, 5, 3).samples
    for given in (noise, noise.astype(np.float64), noise.tolist()):
        np.testing.assert_array_equal(engine(inputs, noise=given, draws=none).samples, expected)


def test_draws_of_the_wrong_kind(tiny: Compiled) -> None:
    engine, inputs = tiny.engine("ddpm", 3), engine_inputs(tiny.windows.part(0, 1))
    noise, draws = draw_noise(3, 0, 1, 5, engine.noise_shape)
    refused(engine, inputs, "draws noise on its way: give draws", noise=noise)
    refused(engine, inputs, "draws has shape", noise=noise, draws=draws[:, :1])
    refused(engine, inputs, r"draws\[0, 0, 0, 0, 0\] is inf", noise=noise, draws=np.full_like(draws, np.inf))
    engine(inputs, noise=noise, draws=draws.astype(np.float64))


@pytest.mark.parametrize("threads", [-1, 1.5, "2", None, True])
def test_threads_of_the_wrong_kind(tiny_engine: Path, threads: Any) -> None:
    with pytest.raises(EngineError, match="threads has to be a whole number, 0 or more"):
        load_engine(tiny_engine, threads=threads)
