"""Fan charts: what is drawn is the forecast, and the caller's matplotlib is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import full_disk
from matplotlib.figure import Figure

from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast
from sssd_registry.plots.plot_forecast import MAX_PANELS, fan_chart

HOUR = np.timedelta64(1, "h")


def make(horizons: tuple[float, ...] = (1, 4, 24), targets: int = 1, length: int = 60) -> tuple[Forecast, Any, Any]:
    rng = np.random.default_rng(0)
    weekdays = np.arange(np.datetime64("2018-01-01", "ns"), np.datetime64("2018-02-01", "ns"), HOUR)
    weekdays = weekdays[(weekdays.astype("datetime64[D]").astype(int) + 3) % 7 < 5]
    history = rng.normal(0, 0.01, (length, targets)).cumsum(axis=0) + 1.2
    samples = history[-1] + rng.normal(0, 0.02, (2, 100, len(horizons), targets))
    ahead = np.ceil(horizons).astype(int)
    forecast = Forecast(
        samples=samples,
        horizons=horizons,
        targets=tuple(f"t{index}" for index in range(targets)),
        series=np.array(["EUR", "GBP"], dtype=object),
        origin_times=weekdays[[length - 1, length - 1]],
        times=np.stack([weekdays[length - 1 + ahead]] * 2),
        id_column="pair",
    )
    return forecast, weekdays[:length], history


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved while a test runs."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def lines(figure: Figure) -> dict[str, Any]:
    return {str(line.get_label()): line for line in figure.axes[0].lines}


def test_lines_are_the_forecast(tmp_path: Path, drawn: list[Figure]) -> None:
    forecast, times, history = make((4, 1.5, 24))
    actual = np.array([[1.0], [2.0], [3.0]])
    fan_chart(forecast, times, history, tmp_path / "f.png", window=1, actual=actual)
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    found = lines(drawn[0])
    np.testing.assert_array_equal(found["history"].get_xydata()[-1], [0, history[-1, 0]])
    np.testing.assert_array_equal(found["median"].get_xdata(), [0, 1.5, 4, 24])
    median = forecast.quantile(0.5)[1, [1, 0, 2], 0]
    np.testing.assert_array_equal(found["median"].get_ydata(), [history[-1, 0], *median])
    np.testing.assert_array_equal(found["what happened"].get_ydata(), [history[-1, 0], 2, 1, 3])


def test_bands_are_nested_quantiles(tmp_path: Path, drawn: list[Figure]) -> None:
    forecast, times, history = make()
    fan_chart(forecast, times, history, tmp_path / "f.png")
    tops = {}
    for band in drawn[0].axes[0].collections:
        points = np.asarray(band.get_paths()[0].vertices)
        tops[str(band.get_label())] = points[points[:, 0] == 24][:, 1].max()
    assert list(tops) == ["90% interval", "80% interval", "50% interval"]
    expected = forecast.quantile([0.95, 0.9, 0.75])[:, 0, 2, 0]
    np.testing.assert_allclose(list(tops.values()), expected)


@pytest.mark.parametrize(("asked", "shown"), [(20, 20), (1000, 100), (0, 0)])
def test_paths_are_samples_whole(tmp_path: Path, drawn: list[Figure], asked: int, shown: int) -> None:
    forecast, times, history = make((4, 1.5, 24), targets=2)
    fan_chart(forecast, times, history, tmp_path / "f.png", window=1, paths=asked)
    for column in (0, 1):
        paths = [line for line in drawn[0].axes[column].lines if line.get_label() == "_path"]
        assert len(paths) == shown
        for sample, line in enumerate(paths):
            np.testing.assert_array_equal(line.get_xdata(), [0, 1.5, 4, 24])
            expected = [history[-1, column], *forecast.samples[1, sample, [1, 0, 2], column]]
            np.testing.assert_array_equal(line.get_ydata(), expected)
    entries = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert entries.count("sample paths") == bool(asked)


def test_an_actual_path_follows_the_origin_bar_by_bar(tmp_path: Path, drawn: list[Figure]) -> None:
    forecast, times, history = make()
    after = times[-1] + HOUR * np.arange(1, 11)
    fan_chart(forecast, times, history, tmp_path / "f.png", actual=np.ones((10, 1)), actual_times=after)
    np.testing.assert_array_equal(lines(drawn[0])["what happened"].get_xdata(), np.arange(11))


def test_ticks_stand_where_the_days_begin(tmp_path: Path, drawn: list[Figure]) -> None:
    forecast, times, history = make(length=110)  # Monday to Friday, and the horizons' Monday after a weekend
    fan_chart(forecast, times, history, tmp_path / "f.png")
    axis = drawn[0].axes[0]
    labels = [label.get_text().split("\n")[0] for label in axis.get_xticklabels()]
    assert labels[:4] == ["Tue", "Wed", "Thu", "Fri"]
    np.testing.assert_array_equal(axis.get_xticks()[:4], [24 - 109, 48 - 109, 72 - 109, 96 - 109])


@pytest.mark.parametrize("step", [60, 300, 3600, 4 * 3600, 86_400, 7 * 86_400, 30 * 86_400])
@pytest.mark.parametrize("length", [1, 2, 10, 500])
def test_ticks_are_few_for_any_bar_length(tmp_path: Path, drawn: list[Figure], step: int, length: int) -> None:
    forecast, _, _ = make()
    start = np.datetime64("2018-01-01", "s")
    times = start + np.timedelta64(step, "s") * np.arange(length)
    fan_chart(forecast, times, np.ones((length, 1)), tmp_path / "f.svg")
    ticks = drawn[0].axes[0].get_xticks()
    assert 1 <= len(ticks) <= 12
    assert (np.diff(ticks) > 0).all()


@pytest.mark.parametrize("targets", [3, MAX_PANELS + 2])
def test_a_panel_for_each_target(tmp_path: Path, drawn: list[Figure], targets: int) -> None:
    fan_chart(*make(targets=targets), tmp_path / "f.pdf", window=1)
    labels = [axis.get_ylabel() for axis in drawn[0].axes if axis.get_ylabel()]
    assert labels == [f"t{index}" for index in range(min(targets, MAX_PANELS))]
    title = drawn[0].get_suptitle()
    assert title.startswith("GBP: forecast from 2018-01-03 11:00 UTC")
    assert ("2 more targets not shown" in title) == (targets > MAX_PANELS)


def test_pyplot_is_left_alone(tmp_path: Path) -> None:
    import matplotlib
    import matplotlib.pyplot as plt

    backend, figures = matplotlib.get_backend(), plt.get_fignums()
    fan_chart(*make(), tmp_path / "f.png")
    assert (matplotlib.get_backend(), plt.get_fignums()) == (backend, figures)


def test_full_disk_leaves_the_old_picture(tmp_path: Path) -> None:
    (tmp_path / "f.png").write_text("old")
    with full_disk(1000), pytest.raises(SSSDError, match=r"f\.png cannot be written: File too large"):
        fan_chart(*make(), tmp_path / "f.png")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"f.png": "old"}


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    forecast, times, history = make()
    with pytest.raises(SSSDError, match=r"\.png, \.svg or \.pdf, not '\.gif'"):
        fan_chart(forecast, times, history, tmp_path / "f.gif")
    with pytest.raises(SSSDError, match="no folder"):
        fan_chart(forecast, times, history, tmp_path / "none" / "f.png")
    with pytest.raises(ValueError, match="history"):
        fan_chart(forecast, times[1:], history, tmp_path / "f.png")
    with pytest.raises(ValueError, match="actual"):
        fan_chart(forecast, times, history, tmp_path / "f.png", actual=np.ones((2, 1)))
