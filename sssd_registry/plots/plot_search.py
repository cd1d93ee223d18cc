"""A search as a picture: each trial's score, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sssd_registry.plots.figure_file import check_picture, save_picture

_BEST, _COMPLETE, _GIVEN_UP = "#0072B2", "#333333", "#c9c9c9"


def plot_search(
    complete: Sequence[tuple[int, float]], given_up: Sequence[tuple[int, float]], unit: str, path: str | Path
) -> None:
    """Draw scores by the trial's number; ``.png``, ``.svg`` or ``.pdf``.

    Args:
        complete: number and score of trials that came to their end, one at least.
        given_up: number and last validation of the others.
        unit: label of the scores.
        path: the picture.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    numbers, scores = (np.array(values, dtype=np.float64) for values in zip(*sorted(complete), strict=True))
    if given_up:
        axis.plot(*zip(*given_up, strict=True), "x", color=_GIVEN_UP, label="given up")
    axis.plot(numbers, scores, "o", ms=4, color=_COMPLETE, label="complete")
    axis.step(numbers, np.minimum.accumulate(scores), where="post", color=_BEST, lw=1.6, label="best so far")
    # Trials that went astray would squeeze all others into a line.
    spread = float(np.median(scores) - scores.min())
    if spread > 0:
        axis.set_ylim(scores.min() - 0.5 * spread, float(np.median(scores)) + 4 * spread)
    axis.set_xlabel("trial")
    axis.set_ylabel(unit)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    save_picture(figure, path, dpi=150)
