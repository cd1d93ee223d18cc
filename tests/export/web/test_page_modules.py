"""The page's modules in a browser beside what they stand for in Python: noise, files, windows, coming times."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from chromium import Browser, browser, find_chromium
from pages_served import served

from sssd_engine.noise import NoiseShape, draw_noise
from sssd_export.forecaster import engine_inputs
from sssd_registry.config import load_config
from sssd_registry.data.end_windows import end_windows, noise_streams
from sssd_registry.data.frame import read_frame
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.spec import DataSpec, resolve
from sssd_registry.horizons import forecast_times

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

READ = """
(async () => {
  const { readText, windowOf } = await import("./forecast.js");
  const { futureTimes } = await import("./calendar.js");
  const spec = %s;
  let read;
  try {
    read = readText(%s, { spec });
  } catch (error) {
    return { error: `${error.constructor.name}: ${error.message}` };
  }
  return { leftOut: read.leftOut, series: read.series.map((one) => ({
    id: one.id,
    window: Object.fromEntries(Object.entries(windowOf(one, { spec })).map(([name, { data, dims }]) => (
      [name, { data: data.map(Number), dims }]))),
    coming: futureTimes(one.times, spec.bar_seconds, Math.max(...spec.horizons), spec.weekdays),
  })) };
})()
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A blank page beside the modules, so that they can be imported."""
    assert CHROMIUM is not None
    with (
        served(Path(str(files("sssd_export.web").joinpath("page")))) as address,
        browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as one,
    ):
        one.call("Page.navigate", url=f"{address}/page.css")
        one.wait("location.pathname === '/page.css'")
        yield one


@pytest.mark.parametrize(
    ("seed", "number", "samples", "shape"),
    [
        (0, 0, 16, NoiseShape((3, 1))),
        (7, 0, 33, NoiseShape((24, 2), (4, 2, 3))),
        (2**40 + 3, 2**64 - 5, 300, NoiseShape((61, 1))),
    ],
)
def test_a_seed_gives_the_noise_that_it_gives_in_python(
    modules: Browser, seed: int, number: int, samples: int, shape: NoiseShape
) -> None:
    """One draw more or less, or another order, and all after it would differ; logarithms are rounded otherwise."""
    count, tokens, latent = shape.draws
    ports = [{"name": "noise", "shape": ["windows", "samples", *shape.paths]}]
    ports += [{"name": "draws", "shape": ["windows", count, "samples", tokens, latent]}] if count else []
    made = modules.run(
        f"import('./noise.js').then(({{ drawNoise }}) => Object.entries(drawNoise({seed}, {number}n, {samples},"
        f" {json.dumps(ports)})).map(([, {{ data, dims }}]) => [[...data], dims]))"
    )
    expected = [each for each in draw_noise(seed, [number], 1, samples, shape) if each.size]
    assert len(made) == len(expected)
    for (data, dims), array in zip(made, expected, strict=True):
        assert tuple(dims) == array.shape
        np.testing.assert_allclose(np.array(data).reshape(dims), array, rtol=0, atol=1e-6)


def test_a_series_has_the_noise_of_its_name(modules: Browser) -> None:
    names = ["", "a", "zürich · 2", "x" * 127, "y" * 128, "z" * 129, "long " * 100]
    made = modules.run(
        f"import('./blake2b.js').then(({{ textNumber }}) => {json.dumps(names)}.map((name) => `${{textNumber(name)}}`))"
    )
    assert made == [str(number) for number in noise_streams(names)]


EVERY_HOUR = pd.date_range("2024-01-01", periods=500, freq="h")


def frame_of(times: pd.DatetimeIndex, columns: int = 1, **more: Any) -> pd.DataFrame:
    """Random walks above zero, rounded so that a CSV has them as they are."""
    walks = np.random.default_rng(len(times)).normal(scale=0.01, size=(len(times), columns)).cumsum(axis=0)
    values = {name: np.exp(walks[:, at]).round(6) for at, name in enumerate("xyz"[:columns])}
    return pd.DataFrame({"time": times, **values, **more})


def ohlcv(times: pd.DatetimeIndex) -> pd.DataFrame:
    frame = frame_of(times, 3)
    high, low = frame[["x", "y", "z"]].max(axis=1), frame[["x", "y", "z"]].min(axis=1)
    volume = np.random.default_rng(0).integers(1, 99, len(times))
    return pd.DataFrame({"time": times, "open": frame.x, "high": high, "low": low, "close": frame.y, "volume": volume})


def a_market(freq: str = "1h", days: int = 60) -> pd.DatetimeIndex:
    """Sunday evening to Friday evening."""
    times = pd.date_range("2024-01-01", periods=days * (pd.Timedelta("1D") // pd.Timedelta(freq)), freq=freq)
    hour = times.day_of_week * 24 + times.hour
    return times[(hour < 4 * 24 + 22) | (hour >= 6 * 24 + 22)]


def panel() -> pd.DataFrame:
    """Two series of different lengths, their rows mixed, and one that is too short."""
    parts = [
        frame_of(pd.date_range(start, periods=rows, freq="D"), 2, shop=name)
        for name, start, rows in (
            ("b, of 'quotes' \"x\"", "2024-01-01", 90),
            ("a", "2024-02-01", 70),
            ("c", "2024-03-01", 6),
        )
    ]
    return pd.concat(parts).sort_values("time", kind="stable")


def with_holes() -> pd.DataFrame:
    """Hours of a sensor with cells and rows that are missing, in the last window too."""
    frame = frame_of(EVERY_HOUR, 2)
    frame.loc[np.random.default_rng(1).random(500) < 0.1, "y"] = np.nan
    return frame.drop(index=[100, 101, 480, 481, 482])


def known_ahead() -> pd.DataFrame:
    """Hours with numbers, truths and labels beside them, a few rows missing, and 40 rows that are to come."""
    random = np.random.default_rng(2)
    sky = random.choice(["clear", "rain", "snow"], 500)
    frame = frame_of(EVERY_HOUR, heat=random.normal(size=500).round(3), work=random.random(500) < 0.5, sky=sky)
    frame.loc[460:, "x"] = np.nan
    return frame.drop(index=[100, 101, 440])


HOURS = 'data.timeframes={"1h" = 24, "4h" = 5}'
KNOWN = 'data.known=["heat", "work", "sky"]'
CASES = {
    "market": (ohlcv(a_market()), [HOURS]),
    "five minutes": (ohlcv(a_market("5min", 30)), ['data.timeframes={"1h" = 12, "1d" = 3, "1w" = 2}']),
    "ends": (ohlcv(a_market()), [HOURS, "data.timestamps=end"]),
    "rows to bars, ends": (ohlcv(a_market("30min", 20)), ['data.timeframes={"2h" = 12}', "data.timestamps=end"]),
    "business days": (frame_of(pd.bdate_range("2023-01-02", periods=200)), ['data.timeframes={"1d" = 20}']),
    "few business days": (frame_of(pd.bdate_range("2023-01-02", periods=90)).tail(22), ['data.timeframes={"1d" = 5}']),
    "weeks": (frame_of(pd.date_range("2020-01-05", periods=150, freq="W")), ['data.timeframes={"1w" = 10}']),
    "panel": (panel(), ['data.timeframes={"1d" = 10, "1w" = 3}', "data.id=shop", "data.targets=all"]),
    "holes": (with_holes(), [HOURS, "data.targets=all"]),
    "known": (known_ahead(), [HOURS, KNOWN]),
    "known, coarser": (
        known_ahead(), ['data.timeframes={"2h" = 12, "4h" = 5}', KNOWN, "data.horizons=[1, 12]", "data.bar=1h"]
    ),
    "newest first": (frame_of(EVERY_HOUR[:300])[::-1], [HOURS]),
    "offsets": (frame_of(pd.date_range("2024-01-01", periods=300, freq="h", tz="UTC+05:30")), [HOURS]),
    "milliseconds": (frame_of(EVERY_HOUR[:300]).assign(time=1_704_067_200_000 + 3_600_000 * np.arange(300)), [HOURS]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_windows_and_coming_times_are_pythons(modules: Browser, tmp_path: Path, name: str) -> None:
    frame, settings = CASES[name]
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    config = load_config(None, ["data.horizons=[1, 30]", *settings]).data
    spec = resolve(config, read_frame(path, config))
    with pytest.warns() if name == "panel" else nullcontext():
        source = read_windows(path, spec)
        windows, origins = end_windows(source)
    made = modules.run(READ % (json.dumps(spec.model_dump(mode="json")), json.dumps(path.read_text())))
    assert "error" not in made, made
    assert [one["id"] for one in made["series"]] == list(windows.series)
    assert len(made["leftOut"]) == (name == "panel")
    for at, one in enumerate(made["series"]):
        inputs = engine_inputs(windows)
        assert set(one["window"]) == set(inputs)
        for key, array in inputs.items():
            tensor = one["window"][key]
            assert tuple(tensor["dims"]) == array[at : at + 1].shape
            seen = np.array(tensor["data"], dtype=np.float64).reshape(array[at].shape)
            np.testing.assert_allclose(seen, array[at], rtol=1e-12)
        whole = source.panel.series[origins.series[at]].times
        coming = forecast_times([whole], spec, range(1, max(spec.horizons) + 1))[0]
        assert one["coming"] == coming.astype("datetime64[s]").astype(int).tolist()


def _csv(frame: pd.DataFrame) -> str:
    text = io.StringIO()
    frame.to_csv(text, index=False)
    return text.getvalue()


GOOD = _csv(frame_of(EVERY_HOUR[:200], 2))
FIFTEEN = "\n".join(GOOD.splitlines()[:16])


def line(number: int, text: str) -> str:
    """``GOOD`` with another line."""
    lines = GOOD.splitlines()
    lines[number - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("time,x,y\n", "the file has a header and no rows"),
        (GOOD.replace("x,y", "x,z"), "no column “y” in the file, which has time, x, z"),
        (GOOD.partition("\n")[2], "the first line has to name the columns"),
        (line(7, "2024-01-01 05:00:00,1.2,many"), "line 7, column y: “many” is no number"),
        (line(7, "2024-01-01 05:00:00,1.2"), "line 7 has 2 fields, and the header has 3"),
        (line(7, "31.01.2024 05:00,1.2,1.3"), "line 7, column time: “31.01.2024 05:00” is no time that is read here"),
        (line(7, "2024-02-30 05:00,1.2,1.3"), "line 7, column time: “2024-02-30 05:00” is no time that is read here"),
        (line(7, "2024-01-01 04:00,1.2,1.3"), "line 7: its time is not after that of the row before it"),
        (line(7, "2024-01-01 05:00,,1.3"), "line 7, column x: it is empty, and this model knows of no missing values"),
        (line(7, "2024-01-01 05:00,-1,1.3"), "line 7, column x: -1 is outside of its bounds, 0 to ∞"),
        (line(7, "2024-01-01 05:00,\"1.2,1.3"), "line 7 opens a quote and does not close it"),
        (FIFTEEN, "too few rows: a window takes the last 24 complete bars of 1 h, and there are 15"),
        (_csv(frame_of(pd.date_range("2024-01-01", periods=200, freq="5min"), 2)), "rows are 5 min apart, and the"),
        (GOOD.replace("x,y", "x,x"), "two columns are named “x”: rename one"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_one_line(modules: Browser, text: str, message: str) -> None:
    made = modules.run(READ % (json.dumps(_spec().model_dump(mode="json")), json.dumps(text)))
    assert made["error"].startswith(f"DataError: {message}"), made
    assert "\n" not in made["error"]


def _spec() -> DataSpec:
    config = load_config(None, [HOURS, "data.horizons=[1, 30]", "data.targets=all", "data.bounds={x = [0, inf]}"]).data
    return resolve(config, read_frame(frame_of(EVERY_HOUR[:200], 2), config))


def test_times_of_a_model_with_a_zone_need_an_offset(modules: Browser) -> None:
    spec = _spec().model_copy(update={"zone": "Europe/Berlin"})
    made = modules.run(READ % (json.dumps(spec.model_dump(mode="json")), json.dumps(GOOD)))
    assert "has no offset from UTC, and the model's times are those of Europe/Berlin" in made["error"]
