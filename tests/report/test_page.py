"""The page in a browser: it draws without a network, by keys, in the dark, and in 360 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import Browser, browser, find_chromium
from cli_runner import sssd
from PIL import Image

pytest.importorskip("plotly", reason="the report extra is not installed")
CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

FRONT = '{"rows": [{"scheduler": "ddim", "steps": 4, "milliseconds": 5, "crps": 0.5}]}'
FAN, FAN_IN_THE_DARK, ACTUAL = (0, 114, 178), (86, 180, 233), (194, 78, 0)


@pytest.fixture(scope="module")
def page(tiny_model: Path, tiny_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose model has a name that a careless page would run."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "front.json").write_text(FRONT)
    model = folder / "<img src=x onerror=document.title='run'>"
    model.symlink_to(tiny_model)
    out = folder / "report.html"
    common = ["--steps", 2, "--max-windows", 30, "--samples", 20, "--front", folder / "front.json"]
    outcome = sssd("report", model, tiny_csv, "--out", out, *common)
    assert outcome.code == 0, outcome.err
    return out


@pytest.fixture(scope="module")
def window(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert CHROMIUM is not None
    with browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as one:
        one.dark(False)
        one.size(1100, 900)
        one.open(page)
        yield one


def share_near(picture: Image.Image, colour: tuple[int, int, int], within: int = 40) -> float:
    """Share of pixels of about that colour."""
    pixels = np.asarray(picture, dtype=np.int64)
    return float((np.abs(pixels - colour).max(axis=2) <= within).mean())


def test_every_chart_is_drawn_and_nothing_is_fetched(window: Browser, page: Path) -> None:
    assert window.errors == []
    assert window.requests == [page.resolve().as_uri()]
    assert window.run("[...document.querySelectorAll('.chart')].every((one) => one.querySelector('.main-svg'))")
    fan = window.picture("#fan")
    assert share_near(fan, FAN) > 0.0004
    assert share_near(fan, ACTUAL) > 0.0002
    assert share_near(fan, (255, 255, 255)) > 0.5
    for chart in ("#crps", "#pit", "#coverage", "#functionals", "#front-chart"):
        assert share_near(window.picture(chart), FAN, 90) > 0.0003, chart


def test_names_are_text(window: Browser) -> None:
    assert window.run("document.title") != "run"
    assert "<img src=x" in window.run("document.getElementById('name').textContent")


def test_keys_go_through_the_forecasts(window: Browser) -> None:
    """Arrows on the slider, and the space bar on the box of the paths, as the browser itself takes them."""
    before, shown = window.picture("#fan"), window.run("document.getElementById('origin-time').textContent")
    window.run("document.getElementById('origin').focus()")
    window.press("ArrowRight", 39)
    window.wait("document.getElementById('origin').value === '1'")
    assert window.run("document.getElementById('origin-time').textContent") > shown
    moved = window.picture("#fan")
    assert moved.tobytes() != before.tobytes()
    window.press("Tab", 9)
    assert window.run("document.activeElement.id") == "show-paths"
    window.press(" ", 32)
    window.wait("!document.getElementById('show-paths').checked")
    assert share_near(window.picture("#fan"), FAN, 90) < share_near(moved, FAN, 90)
    window.press(" ", 32)
    reached = window.run("[...document.querySelectorAll('select, input, button, a')].every((one) => one.tabIndex >= 0)")
    assert reached


def test_the_dark_follows_the_system_and_the_button(window: Browser) -> None:
    window.dark(True)
    window.wait("document.documentElement.dataset.theme === 'dark'")
    fan = window.picture("#fan")
    assert share_near(fan, (20, 23, 27)) > 0.5
    assert share_near(fan, FAN_IN_THE_DARK, 60) > 0.001
    assert np.asarray(window.picture()).mean() < 90
    window.run("document.getElementById('theme').focus()")
    window.press(" ", 32)
    window.wait("document.documentElement.dataset.theme === 'light'")
    assert share_near(window.picture("#fan"), (255, 255, 255)) > 0.5
    window.dark(False)


def test_a_telephone_shows_it_whole(window: Browser) -> None:
    window.size(360, 740)
    window.wait("document.querySelector('#fan .main-svg').getBoundingClientRect().width <= 360")
    assert window.run("document.documentElement.scrollWidth") <= 360
    beyond = window.run(
        "[...document.querySelectorAll('h1, h2, p, label, select, input, summary, .chart, .scroll')]"
        ".filter((one) => one.getBoundingClientRect().right > 360.5).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert beyond == []
    assert share_near(window.picture("#fan"), FAN, 60) > 0.0005
    assert window.errors == []
