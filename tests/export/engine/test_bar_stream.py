"""A stream gives what the engine gives of the window that ends with the last bar, whatever bars come and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sssd_engine import BarStream, EngineError, load_engine, open_stream, restore_stream
from sssd_engine.engine import Engine
from sssd_engine.manifest_fields import ManifestError, check_entries
from sssd_engine.noise import draw_noise
from sssd_export.build.parity import largest_error
from sssd_export.forecaster import engine_inputs, engine_spec
from sssd_export.request import export_model
from sssd_registry.data.origins import all_origins
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.windows import Windows, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.testing.tiny_model import train_tiny_model

# Of the samples' standard deviation.
TOLERANCE = 1e-5
COLUMNS = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def streamable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose encoder can be fed bar by bar."""
    out = tmp_path_factory.mktemp("streamable") / "model"
    settings = ('data.timeframes={"1h" = 24, "4h" = 8}', "model.num_layers=3", "model.location_scale=random-walk")
    train_tiny_model(out, "model.streamable=true", *settings)
    return out


@pytest.fixture(scope="module")
def engine(streamable: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """That model compiled with ``--stream``."""
    out = tmp_path_factory.mktemp("engine") / "stream"
    export_model(streamable, out, steps=3, samples=8, stream=True)
    with load_engine(out, threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(tiny_engine: Path) -> Engine:
    """An engine of a model whose encoder reads windows."""
    return load_engine(tiny_engine, threads=1)


def walk(bars: int, seed: int = 0) -> pd.DataFrame:
    """Hourly bars with weekends, nights and single hours without any, in lively and quiet spells."""
    random = np.random.default_rng(seed)
    times = pd.date_range("2024-01-01", periods=3 * bars, freq="h")
    times = times[(times.day_of_week < 5) & (times.hour < 22)]
    times = times[random.random(len(times)) < 0.97][:bars]
    size = 1e-3 * np.exp(np.cumsum(random.normal(scale=0.05, size=bars)).clip(-3, 3))
    close = 1.1 * np.exp(np.cumsum(random.normal(size=bars) * size))
    opened = np.concatenate([close[:1], close[:-1]])
    spread = np.abs(random.normal(size=(2, bars))) * size
    high, low = np.maximum(opened, close) + spread[0], np.minimum(opened, close) - spread[1]
    volume = random.integers(0, 1000, size=bars).astype(float)
    return pd.DataFrame(dict(zip(["time", *COLUMNS], [times, opened, high, low, close, volume], strict=True)))


def windows_of(engine: Engine, frame: pd.DataFrame) -> Windows:
    """Every window of a frame, in order."""
    source = read_windows(frame, engine_spec(engine.manifest))
    return windows_at(source, all_origins(source))


def pushed(stream: BarStream, frame: pd.DataFrame, times: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Samples after each of the frame's bars that begin at ``times``, seconds."""
    rows = frame[COLUMNS].to_numpy()[-len(times) :]
    for bar, time in zip(rows, times, strict=True):
        yield stream.push(bar, time, num_samples=6).samples


def check_equal(engine: Engine, frame: pd.DataFrame) -> None:
    """A stream that begins with the frame's first window goes through all its bars as the engine through its windows.

    A window of a batch has noise of its own number, and that of a stream is the first's.
    """
    windows = windows_of(engine, frame)
    stream = open_stream(engine, engine_inputs(windows.part(0, 1)))
    ends = windows.times["1h"][:, -1]
    for first in range(1, len(windows), 250):
        part = windows.part(first, first + 250)
        noise = np.repeat(draw(engine), len(part), axis=0)
        expected = engine(engine_inputs(part), noise=noise).samples
        last = first + len(part)
        rows = frame.iloc[: len(frame) - len(windows) + last]
        seen = np.concatenate(list(pushed(stream, rows, ends[first:last])))
        assert largest_error(seen, expected) < TOLERANCE
        for name, array in engine_inputs(part.part(len(part) - 1, len(part))).items():
            np.testing.assert_allclose(stream.windows()[name], array, rtol=1e-13)


def draw(engine: Engine) -> np.ndarray[Any, Any]:
    """Noise of the first window of seed 0."""
    return draw_noise(0, 0, 1, 6, engine.noise_shape)[0]


def test_a_stream_is_equal_to_windows_over_500_bars(engine: Engine) -> None:
    assert engine.manifest["parity"]["stream_error"] < TOLERANCE
    check_equal(engine, walk(540))


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_a_stream_is_equal_to_windows_over_10_000_bars(engine: Engine, seed: int) -> None:
    check_equal(engine, walk(10_040, seed))


def test_any_engine_can_be_streamed(plain: Engine) -> None:
    check_equal(plain, walk(120))


def test_the_encoder_sees_no_bar_but_the_new_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts that read windows are never run."""
    windows = windows_of(engine, walk(60))
    stream = open_stream(engine, engine_inputs(windows.part(0, 1)))
    monkeypatch.setattr(Engine, "encode", lambda *_: pytest.fail("it read a window"))
    stream.push(walk(60)[COLUMNS].to_numpy()[-1], windows.times["1h"][-1, -1])


def test_series_go_on_by_themselves(engine: Engine) -> None:
    """Several at once, each with bars when it has some, are what each would be alone."""
    frames = [walk(80, seed) for seed in (3, 4, 5)]
    parts = [windows_of(engine, frame) for frame in frames]
    first = {name: np.concatenate([engine_inputs(part.part(0, 1))[name] for part in parts])
             for name in engine_inputs(parts[0])}  # fmt: skip
    together = open_stream(engine, first)
    alone = [open_stream(engine, engine_inputs(part.part(0, 1))) for part in parts]
    random = np.random.default_rng(0)
    place = [len(frame) - len(part) + 1 for frame, part in zip(frames, parts, strict=True)]
    for _ in range(30):
        chosen = [int(one) for one in np.flatnonzero(random.random(3) < 0.6)] or [1]
        rows = [frames[one].iloc[place[one]] for one in chosen]
        bars = np.array([row[COLUMNS].to_numpy(dtype=np.float64) for row in rows])
        times = np.array([int(row["time"].timestamp()) for row in rows])
        together.add(bars, times, series=chosen)
        for one, bar, time in zip(chosen, bars, times, strict=True):
            alone[one].add(bar, time)
            place[one] += 1
    made = together.forecast(6, seed=2)
    assert np.array_equal(together.forecast(6, seed=2, series=[2]).samples, made.samples[2:])
    for one, stream in enumerate(alone):
        expected = together.engine(dict(stream.windows()), 6, seed=2, first_window=one).samples
        assert largest_error(made.samples[one : one + 1], expected) < TOLERANCE


def test_a_state_comes_back_from_its_file(engine: Engine, plain: Engine, tmp_path: Path) -> None:
    frame = walk(60)
    bars = frame[COLUMNS].to_numpy()
    for each in (engine, plain):
        windows = windows_of(each, frame)
        stream, kept = open_stream(each, engine_inputs(windows.part(0, 1))), tmp_path / "state.npz"
        stream.add(bars[len(frame) - len(windows) + 1], windows.times["1h"][1, -1])
        stream.save(kept)
        again = restore_stream(each, kept)
        assert np.array_equal(again.times, stream.times)
        assert np.array_equal(again.forecast(4).samples, stream.forecast(4).samples)
        assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
    with pytest.raises(EngineError, match="is the state of another engine's stream"):
        restore_stream(engine, kept)


def test_what_is_no_state_is_one_line(engine: Engine, tmp_path: Path) -> None:
    stream = open_stream(engine, engine_inputs(windows_of(engine, walk(60)).part(0, 2)))
    stream.save(tmp_path / "state.npz")
    whole = (tmp_path / "state.npz").read_bytes()
    arrays = dict(np.load(tmp_path / "state.npz"))
    for name, what, message in (
        ("none.npz", None, "is missing"),
        ("text.npz", b"state", "is damaged"),
        ("cut.npz", whole[: len(whole) // 2], "is damaged"),
        ("flipped.npz", whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:], "is damaged"),
    ):
        if what is not None:
            (tmp_path / name).write_bytes(what)
        refused(message, lambda name=name: restore_stream(engine, tmp_path / name))
    for name, array in {"tokens": arrays["tokens"][:1], "times_1h": arrays["times_1h"].astype(float)}.items():
        np.savez(tmp_path / "other.npz", **{**arrays, name: array})
        refused(f"its {name} is not a stream's", lambda: restore_stream(engine, tmp_path / "other.npz"))
    refused("cannot be written", lambda: stream.save(tmp_path / "nowhere" / "state.npz"))


def refused(message: str, call: Any) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_bars_that_cannot_come_next_are_one_line(engine: Engine) -> None:
    stream = open_stream(engine, engine_inputs(windows_of(engine, walk(60)).part(0, 1)))
    last, bar = int(stream.times[0]), np.array([1.1, 1.2, 1.0, 1.1, 5.0])
    before = stream.forecast(4).samples
    wrong = np.array([1.1, np.nan, 1.0, 1.1, 5.0])
    for given, time, message in (
        (bar, last, "was had already: a bar cannot be pushed twice"),
        (bar, last - 3600, "is late: bars have to come in the order of their times"),
        (bar, last + 60, "overlaps that: bars are 3600 seconds apart"),
        (bar, (last + 3600) * 1000, "it has to be in seconds since 1970-01-01 UTC"),
        (bar, float(last), "times is float64"),
        (bar[:4], last + 3600, r"bars has shape \(1, 4\); of 1 series it has to be \(1, 5\)"),
        (wrong, last + 3600, r"bars\[0, 0, 1\] \(high\) is nan"),
        ([[1], [1, 2]], last + 3600, "have to be arrays"),
    ):
        refused(message, lambda given=given, time=time: stream.push(given, time))
    refused("leave known out", lambda: stream.push(bar, last + 3600, known=[[0.0]]))
    refused("has no series 7", lambda: stream.push(bar, last + 3600, series=[7]))
    refused("has no series 'gold'", lambda: stream.push(bar, last + 3600, series=["gold"]))
    refused("is named twice", lambda: stream.push([bar, bar], last + 3600, series=[0, 0]))
    refused("has to be a list", lambda: stream.push(bar, last + 3600, series="gold"))
    refused("num_samples has to be", lambda: stream.forecast(0))
    assert np.array_equal(stream.forecast(4).samples, before)


def test_windows_that_no_stream_begins_with_are_one_line(engine: Engine) -> None:
    windows = windows_of(engine, walk(60))
    inputs = engine_inputs(windows.part(0, 1))
    refused("a window of each", lambda: open_stream(engine, engine_inputs(windows.part(0, 0))))
    short = {**inputs, "times_1h": inputs["times_1h"].copy()}
    short["times_1h"][:, :-1] -= 7 * 24 * 3600
    open_stream(engine, short)  # bars with gaps are nothing special
    closed = load_engine(engine.origin.folder if engine.origin else "")
    closed.close()
    refused("was closed", lambda: open_stream(closed, inputs))


def test_a_forecast_has_its_times(engine: Engine) -> None:
    frame = walk(60)
    windows = windows_of(engine, frame)
    stream = open_stream(engine, engine_inputs(windows.part(0, 1)))
    table = stream.push(frame[COLUMNS].to_numpy()[-1], windows.times["1h"][-1, -1]).to_frame()
    assert (pd.to_datetime(table["origin"]) == frame["time"].iloc[-1]).all()


def test_who_cannot_be_streamed_is_told(tiny_model: Path, streamable: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match=r"train one with --set model\.streamable=true, or leave --stream out"):
        export_model(tiny_model, tmp_path / "engine", stream=True)
    with pytest.raises(SSSDError, match="not with step"):
        export_model(streamable, tmp_path / "engine", stream=True, loop="step")
    assert not list(tmp_path.iterdir())
    assert ModelPipeline.from_pretrained(streamable).network.config.streamable


def test_a_manifest_says_what_its_stream_is(engine: Engine) -> None:
    """Parts that are missing, twice, or of other shapes than the windows are found before anything runs."""
    assert engine.origin is not None
    text = (engine.origin.folder / "manifest.json").read_text()

    def without(name: str) -> Any:
        return lambda parts: [part for part in parts if part["name"] != name]

    def changed(name: str, **entries: Any) -> Any:
        return lambda parts: [{**part, **entries} if part["name"] == name else part for part in parts]

    def resized(name: str, port: str, at: int, size: int) -> Any:
        def change(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
            for part in parts:
                for each in part["inputs"]:
                    if (part["name"], each["name"]) == (name, port):
                        each["shape"][at] = size
            return parts

        return change

    check_entries(json.loads(text))
    for change, message in (
        (without("mix"), "stream has to have the parts"),
        (lambda parts: [*parts, parts[0]], "stream has to have the parts"),
        (changed("mix", runtime="openvino"), "'mix' has no graph of onnxruntime in the folder"),
        (changed("mix", graph="other.onnx"), "'mix' has no graph of onnxruntime in the folder"),
        (changed("measure", inputs=[]), "'measure' has to take"),
        (changed("mix", weights=-1), r"stream\[2\]: weights is -1"),
        (resized("mix", "tokens", 1, 3), "'mix' takes tokens of 2 timeframes"),
        (resized("advance_1h", "values_1h", 1, 99), "'advance_1h' takes other shapes"),
        (resized("advance_1h", "times_1h", 1, 3), "'advance_1h' takes other shapes"),
        (resized("advance_4h", "memory_4h", 3, 5), "'advance_4h' takes other shapes"),
    ):
        manifest = json.loads(text)
        manifest["stream"] = change(manifest["stream"])
        with pytest.raises(ManifestError, match=message):
            check_entries(manifest)
