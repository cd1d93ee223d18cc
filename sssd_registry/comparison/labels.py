"""Names beside points of a picture, placed so that none covers another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# Where a name may stand, in points (1/72 inch) from its own: nearest first.
_ANGLES = np.linspace(0, 2 * math.pi, 24, endpoint=False)
_OFFSETS = [
    (radius * math.cos(a), radius * math.sin(a)) for radius, a in itertools.product(range(14, 240, 14), _ANGLES)
]
# What it costs, in points of distance, to cover a mark.
_COVERED = 15.0


def label_points(
    axis: Any, points: Sequence[tuple[float, float]], texts: Sequence[str], marks: npt.ArrayLike, color: str
) -> list[Any]:
    """Write each text near its point, tied to it by a thin line.

    Args:
        axis: matplotlib axes, drawn once, so that limits and layout are final.
        points: n, data units.
        texts: n.
        marks: ``(m, 2)``, data units: points that the texts had better not cover.
        color: of text and line.

    Returns:
        the n annotations. None covers another, the legend, or leaves the axes, while there is room.
    """
    from matplotlib.transforms import Bbox

    renderer, scale = axis.figure.canvas.get_renderer(), axis.figure.dpi / 72  # pixels in a point
    frame, pixels = axis.get_window_extent(renderer), axis.transData.transform(marks)
    taken = [axis.get_legend().get_window_extent(renderer)] if axis.get_legend() else []
    notes = []
    for point, text in zip(points, texts, strict=True):
        note = axis.annotate(
            text, point, xytext=(0, 0), textcoords="offset points", fontsize=8, color=color, ha="center", va="center",
            arrowprops={"arrowstyle": "-", "color": color, "lw": 0.5, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        note.set_in_layout(False)
        at_point = Bbox(note.get_window_extent(renderer)).padded(2 * scale)  # of the text: its line has no length yet

        def box(offset: tuple[float, float], at_point: Any = at_point) -> Any:
            return Bbox(at_point.get_points() + np.array(offset) * scale)

        def cost(offset: tuple[float, float], box: Any = box) -> float:
            here = box(offset)
            if here.count_overlaps(taken) or not all(frame.contains(*corner) for corner in (here.min, here.max)):
                return math.inf
            return _COVERED * float(here.count_contains(pixels)) + math.hypot(*offset)

        place = min(_OFFSETS, key=cost)
        note.set_position(place)
        taken.append(box(place))
        notes.append(note)
    return notes
