"""Names in the picture can be read."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from sssd_registry.comparison.labels import label_points


@settings(max_examples=8)
@given(st.integers(0, 2**31), st.sampled_from([1e-3, 1.0]))
def test_no_name_covers_another_or_leaves_the_picture(seed: int, spread: float) -> None:
    """Also where all points lie nearly on one another, in a corner."""
    random = np.random.default_rng(seed)
    front = random.uniform(size=(10, 2)) * spread
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot([0.0, 1.0], [0.0, 1.0], "o", label="all")
    axis.legend(loc="upper right")
    canvas.draw()
    notes = label_points(axis, [(x, y) for x, y in front], ["dpmsolver++-singlestep-8"] * 10, front, "black")
    canvas.draw()
    boxes = [Text.get_window_extent(note) for note in notes]
    for one, other in itertools.combinations([*boxes, axis.get_legend().get_window_extent()], 2):
        assert not one.overlaps(other)
    frame = axis.get_window_extent()
    assert all(frame.contains(*box.min) and frame.contains(*box.max) for box in boxes)
