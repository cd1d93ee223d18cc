"""The picture of calibration shows the numbers that it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the plot extra is not installed")
from sssd_registry.evaluation.calibration import calibration
from sssd_registry.plots import plot_calibration as plotting


@pytest.mark.parametrize(("horizons", "panels"), [(1, 0), (3, 3), (24, 8)])
def test_each_horizon_has_its_pit_and_band(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, horizons: int, panels: int
) -> None:
    random = np.random.default_rng(0)
    found = calibration(
        random.normal(size=(40, 20, horizons, 2)), random.normal(size=(40, horizons, 2)), range(1, horizons + 1)
    )
    figures: list[Any] = []
    save = plotting.save_picture
    monkeypatch.setattr(
        plotting, "save_picture", lambda figure, *a, **k: (figures.append(figure), save(figure, *a, **k))
    )
    plotting.plot_calibration(found, tmp_path / "picture.png", "40 windows")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    axes = [axis for axis in figures[0].get_axes() if axis.get_visible()]
    by_horizon = {axis.get_title(loc="left"): axis for axis in axes if axis.get_title(loc="left").startswith("PIT at")}
    assert (len(axes), len(by_horizon)) == (2 + panels, panels)
    if panels:
        assert {f"PIT at horizon {end}" for end in (1, horizons)} <= set(by_horizon)
        last = by_horizon[f"PIT at horizon {horizons}"]
        assert [bar.get_height() for bar in last.containers[0]] == found.pit[-1].tolist()
        assert [line.get_ydata()[0] for line in last.lines] == found.pit_band[-1].tolist()
