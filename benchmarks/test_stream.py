"""Cost of the encoder for one new bar: of a stream, which remembers what it needs, against that of a window.

At the reference's sizes, with a model that is streamable. A bar of the finest timeframe comes with its share of the
coarser ones: over one bar of the coarsest, each advances as often as it does then. The network has a say: what training
begins with at zero is filled. A stream's parts have one thread, as in an engine; the window's encoder has all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from alternate import one_round, ratio
from conftest import REFERENCE, bars, session, summary

from sssd_engine.part import OnnxPart
from sssd_engine.stream_encoder import StreamEncoder
from sssd_export.forecaster import engine_inputs
from sssd_export.graph.compose import build_graph
from sssd_export.graph.stream_stages import memory_shape, seen_bars, trace_stream
from sssd_export.graph.trace import trace
from sssd_registry.config import load_config
from sssd_registry.data.spec import Timeframe
from sssd_registry.data.windows import Windows, windows_at
from sssd_registry.model.batches import training_data
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.read_tableau import read_tableau
from sssd_registry.testing.parameters import fill_zeros

GOAL = 20.0
WINDOW, BAR, UNITS = "encoder, a window", "encoder, a bar of a stream", "location and scale, either way"
# What the location is made of is no part of the encoder.
SETTINGS = ("model.streamable=true", "model.location_scale=random-walk")


@dataclass(frozen=True)
class Encoders:
    """The encoder of windows, features included, and that of a stream; a window to run them on."""

    window: OnnxPart
    stream: StreamEncoder
    timeframes: tuple[Timeframe, ...]
    one: Windows


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    config = load_config(REFERENCE, SETTINGS)
    data = training_data(bars(6000, "5min"), config.data)
    torch.manual_seed(0)
    network = make_network(data.spec, config.model).eval().requires_grad_(False)
    fill_zeros(network, std=0.02)
    pieces = trace(network, data.spec.horizons, (0.5,), windows_at(data.source, data.split.train.take(slice(0, 2))))
    tableau = read_tableau(make_scheduler("ddim", network.schedule), 2)
    frames = data.spec.timeframes
    stream = StreamEncoder(
        {name: OnnxPart(session(graph, threads=1)) for name, graph in trace_stream(network, pieces.normalise).items()},
        {tf.name: seen_bars(tf) for tf in frames},
        {tf.name: memory_shape(network, tf) for tf in frames},
        done=1,
    )
    window = OnnxPart(session(build_graph(pieces, tableau, ("normalise", "encode"))))
    return Encoders(window, stream, frames, windows_at(data.source, data.split.validation.take(slice(0, 1))))


@pytest.mark.parametrize("series", [1, 64])
def test_encoder_of_one_bar(benchmark: Any, series: int, encoders: Encoders, results: dict[str, Any]) -> None:
    stream, frames, one = encoders.stream, encoders.timeframes, encoders.one
    many = replace(
        one,
        values={name: array.repeat(series, axis=0) for name, array in one.values.items()},
        times={name: array.repeat(series, axis=0) for name, array in one.times.items()},
        series=one.series.repeat(series),
    )
    feed = dict(engine_inputs(many))
    state = stream.first({**feed, "series": np.array([""] * series)})
    expected, seen = encoders.window(feed)["condition"], stream.context(feed, state["tokens"])["condition"]
    assert np.abs(seen - expected).max() < 1e-5 * max(1.0, float(expected.std()))

    every, finest = np.ones(series, np.bool_), frames[0].seconds
    count = frames[-1].seconds // finest

    def advance() -> None:
        for bar in range(1, count + 1):
            for tf in frames:
                if bar * finest % tf.seconds == 0:
                    stream.advanced(state, tf.name, every)
            stream.parts["mix"]({"tokens": state["tokens"]})

    measure = stream.parts["measure"]
    units = {name: feed[name] for name in measure.inputs}
    contenders = {WINDOW: lambda: encoders.window(feed), BAR: advance, UNITS: lambda: measure(units)}
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_round(contenders, 1)), rounds=5, iterations=1, warmup_rounds=0)
    each = [{**taken, BAR: taken[BAR] / count} for taken in rounds]
    results[f"stream, {series} series"] = {
        "rows": summary(benchmark, each, BAR),
        "goal": GOAL,
        "reached": round(ratio(each, WINDOW, BAR), 1),
        "kilobytes of state": round(sum(float(np.prod(shape)) * 4 for shape in stream.shapes.values()) / 1e3),
    }
