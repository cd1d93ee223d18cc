"""The page that ``sssd-export web`` writes, in a browser: its numbers are Python's, and people can use it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from chromium import Browser, browser, find_chromium
from cli_runner import sssd_export
from pages_served import served
from PIL import Image

from sssd_engine import load_engine
from sssd_engine.noise import draw_noise
from sssd_export.request import export_model
from sssd_export.web.runtime import PACKAGE
from sssd_registry.config import load_config
from sssd_registry.training.train import train

CHROMIUM = find_chromium()
FAN, FAN_IN_THE_DARK = (0, 114, 178), (86, 180, 233)

FORECAST = """
(async () => {
  const ort = await import("./vendor/ort.wasm.bundle.min.mjs");
  const { forecast, openEngine, readText } = await import("./forecast.js");
  const read = async (name) => (await fetch(`%s/engine/${name}`)).arrayBuffer();
  const engine = await openEngine(ort, read);
  const { series } = readText(%s, engine.manifest);
  const { paths, times } = await forecast(engine, series[0], %s);
  return { samples: [...paths.data], times };
})()
"""


@pytest.fixture(scope="module")
def runtime() -> None:
    """ONNX Runtime for browsers is within reach of npm, in its cache at least."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here: apt-get install npm")
    words = ["npm", "view", PACKAGE, "version", "--prefer-offline", "--fetch-retries=0", "--fetch-timeout=5000"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip(f"npm's registry is out of reach for {PACKAGE}")


@pytest.fixture(scope="module")
def site(runtime: None, tiny_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder of the tiny engine's page."""
    folder = tmp_path_factory.mktemp("site")
    done = sssd_export("web", tiny_engine, folder / "page")
    assert (done.code, done.err) == (0, "")
    assert f"python3 -m http.server -d {folder / 'page'}" in done.out
    with served(folder) as address:
        yield address, folder


@pytest.fixture(scope="module")
def window(site: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as one:
        one.dark(False)
        one.size(1100, 1000)
        one.open(f"{site[0]}/page/index.html")
        yield one


def choose(window: Browser, file: Path) -> None:
    """Give the page a file, as its button does, and wait until it is shown or refused."""
    window.run("delete document.documentElement.dataset.shown; document.getElementById('file').value = ''")
    root = window.call("DOM.getDocument")["root"]["nodeId"]
    button = window.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    window.call("DOM.setFileInputFiles", files=[str(file)], nodeId=button)
    window.wait("document.documentElement.dataset.shown || !document.getElementById('error').hidden")


def share_near(picture: Image.Image, colour: tuple[int, int, int], within: int = 40) -> float:
    """Share of pixels of about that colour."""
    return float((np.abs(np.asarray(picture, dtype=np.int64) - colour).max(axis=2) <= within).mean())


def test_numbers_are_pythons(
    window: Browser, site: tuple[str, Path], tiny_model: Path, tiny_engine: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    """For given noise and for a seed: all in one graph, in two with noise on the way, and with an ONNX loop."""
    text = tiny_csv.read_text()
    forms: dict[str, dict[str, Any]] = {
        "page": {},
        "split": {"split": True, "scheduler": "ddpm", "steps": 4},
        "loop": {"loop": "loop", "steps": 3},
    }
    for name, options in forms.items():
        folder = tiny_engine
        if options:
            folder = tmp_path / name
            export_model(tiny_model, folder, samples=16, **options)
            shutil.copytree(folder, site[1] / name / "engine")
        engine = load_engine(folder)
        noise, draws = draw_noise(3, 0, 1, 40, engine.noise_shape)
        given = {"noise": {"data": noise.ravel().tolist(), "dims": noise.shape}}
        if draws.size:
            given["draws"] = {"data": draws.ravel().tolist(), "dims": draws.shape}
        for asked, expected in (
            ({"samples": 40, "noise": given}, engine(tiny_csv, noise=noise, draws=draws if draws.size else None)),
            ({"samples": 25, "seed": 11}, engine(tiny_csv, 25, seed=11)),
        ):
            made = window.run(FORECAST % (f"{site[0]}/{name}", json.dumps(text), json.dumps(asked)))
            samples = np.array(made["samples"]).reshape(expected.samples.shape)
            error = np.abs(samples - expected.samples) / expected.samples.std(axis=1, keepdims=True)
            assert error.max() <= 1e-5, (name, sorted(asked))
        times = expected.to_frame()["time"].drop_duplicates()
        assert made["times"] == times.astype("datetime64[s]").astype(int).tolist()


def test_what_is_known_ahead_counts_as_in_python(window: Browser, site: tuple[str, Path], tmp_path: Path) -> None:
    """Effects, and a direct path that is told; what is known otherwise is forecast otherwise."""
    random, rows = np.random.default_rng(0), 400
    sky = random.choice(["clear", "rain"], rows)
    frame = pd.DataFrame(
        {"time": pd.date_range("2024-01-01", periods=rows, freq="h"), "heat": random.normal(size=rows)}
    )
    frame = frame.assign(sky=sky, y=(50 + 3 * frame["heat"] - 4 * (sky == "rain") + random.normal(size=rows)).round(4))
    settings = ['data.known=["heat", "sky"]', "data.horizons=[1, 3]", 'data.timeframes={"1h" = 48}']
    settings += ["training.max_steps=1", "training.validate_every=1", "model.feature_size=8"]
    pipe = train(frame, load_config(None, settings), tmp_path / "m")
    direct = pipe.network.normalizer.direct
    assert direct is not None
    torch.manual_seed(0)
    for name in direct.weight_names():
        direct.get_buffer(name).normal_(std=0.1)
    direct.use(0.5, torch.ones(1))
    pipe.save_pretrained(tmp_path / "m")
    export_model(tmp_path / "m", tmp_path / "e", samples=16)
    shutil.copytree(tmp_path / "e", site[1] / "known" / "engine")
    frame.loc[rows - 3 :, "y"] = np.nan
    made = []
    for weather in (["rain", "clear", "rain"], ["clear", "clear", "clear"]):
        frame.loc[rows - 3 :, "sky"] = weather
        frame.to_csv(tmp_path / "coming.csv", index=False)
        expected = load_engine(tmp_path / "e")(tmp_path / "coming.csv", 25, seed=7).samples
        text = json.dumps((tmp_path / "coming.csv").read_text())
        ours = window.run(FORECAST % (f"{site[0]}/known", text, json.dumps({"samples": 25, "seed": 7})))["samples"]
        made.append(np.array(ours).reshape(expected.shape))
        assert (np.abs(made[-1] - expected) / expected.std(axis=1, keepdims=True)).max() <= 1e-5
    assert np.abs(made[0] - made[1]).min() > 0.1
    with pytest.raises(AssertionError, match="1 of the 3 rows to be forecast are missing; heat, sky have to be known"):
        window.run(FORECAST % (f"{site[0]}/known", json.dumps(frame.iloc[:-1].to_csv(index=False)), "{}"))


def test_the_modules_are_used_as_the_documents_say(window: Browser, tiny_engine: Path, tiny_csv: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "how-to" / "web.md").read_text()
    code = text.partition("```javascript\n")[2].partition("```")[0]
    code = re.sub(r"^import (?:\* as )?(.*) from (.*);$", r"const \1 = await import(\2);", code, flags=re.MULTILINE)
    made = window.run(f"(async (text) => {{ {code}; return [...paths.data] }})({json.dumps(tiny_csv.read_text())})")
    expected = load_engine(tiny_engine)(tiny_csv, 100, seed=0).samples
    np.testing.assert_allclose(made, expected.ravel(), atol=1e-5 * expected.std())


def test_a_file_is_forecast_drawn_and_saved(
    window: Browser, site: tuple[str, Path], tiny_engine: Path, tiny_csv: Path, tmp_path: Path
) -> None:
    """What is saved is what Python's engine gives for the seed; nothing was fetched from elsewhere."""
    choose(window, tiny_csv)
    assert window.run("document.getElementById('error').textContent") == ""
    assert window.errors == []
    assert all(url.startswith((site[0], "data:")) for url in window.requests), window.requests
    picture = window.picture("#fan")
    assert share_near(picture, FAN) > 0.0005, "the median"
    assert share_near(picture, (255, 255, 255)) > 0.5
    assert share_near(picture, (31, 35, 40)) > 0.0005, "the history"
    assert window.run("document.querySelectorAll('.path').length") == 16
    assert window.run("document.querySelectorAll('tbody tr').length") == 2
    window.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    engine = load_engine(tiny_engine)
    expected = engine(tiny_csv, seed=0)
    for button, name, frame in (
        ("save-quantiles", "forecast.csv", expected.to_frame()),
        ("save-paths", "paths.csv", expected.paths_frame()),
    ):
        window.run(f"document.getElementById('{button}').click()")
        saved = pd.read_csv(_downloaded(tmp_path / name), parse_dates=["origin", "time"])
        pd.testing.assert_frame_equal(saved, pd.read_csv(io.StringIO(frame.to_csv(index=False)),
                                      parse_dates=["origin", "time"]), rtol=1e-7)  # fmt: skip


def _downloaded(file: Path) -> Path:
    """The file, once it is there and whole."""
    for _ in range(200):
        if file.exists() and file.stat().st_size and not list(file.parent.glob("*.crdownload")):
            return file
        time.sleep(0.05)
    raise AssertionError(f"{file} was not saved")


def test_keys_and_what_is_wrong(window: Browser, tiny_csv: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(tiny_csv.read_text().replace("close", "clsoe", 1))
    choose(window, wrong)
    told = window.run("document.getElementById('error').textContent")
    assert told == "wrong.csv: no column “close” in the file, which has time, open, high, low, clsoe, volume"
    assert window.run("document.getElementById('result').hidden"), "no forecast of another file"
    choose(window, tiny_csv)
    before = window.run("document.getElementById('table').textContent")
    window.run("document.getElementById('seed').focus()")
    window.press("ArrowUp", 38)
    window.press("Tab", 9)
    assert window.run("document.activeElement.id") == "show-paths"
    window.press(" ", 32)
    window.wait("document.querySelectorAll('.path').length === 0")
    window.press("Tab", 9)
    assert window.run("document.activeElement.id") == "again"
    window.press(" ", 32)
    window.wait(f"document.getElementById('table').textContent !== {json.dumps(before)}")
    window.run("document.getElementById('show-paths').click()")


def test_the_dark_and_a_telephone(window: Browser, tiny_csv: Path) -> None:
    choose(window, tiny_csv)
    window.dark(True)
    fan = window.picture("#fan")
    assert share_near(fan, (20, 23, 27)) > 0.5
    assert share_near(fan, FAN_IN_THE_DARK, 60) > 0.0005
    window.dark(False)
    window.size(360, 740)
    window.wait("document.querySelector('#fan svg').getBoundingClientRect().width <= 360")
    assert window.run("document.documentElement.scrollWidth") <= 360
    beyond = window.run(
        "[...document.querySelectorAll('h1, h2, p, label, select, input, button, li, #fan svg, #fan text, .scroll')]"
        ".filter((one) => one.getBoundingClientRect().right > 360.5).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert beyond == []
    assert share_near(window.picture("#fan"), FAN, 60) > 0.0005
    window.size(1100, 1000)
    assert window.errors == []


def test_the_pages_engine_is_the_engine(site: tuple[str, Path], tiny_engine: Path) -> None:
    engine = load_engine(site[1] / "page" / "engine")
    assert engine.manifest == load_engine(tiny_engine).manifest
