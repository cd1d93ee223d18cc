"""A picture of a tableau: what each step takes from each network output."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sssd_registry.plots.figure_file import check_picture, save_picture
from sssd_registry.sampling.tableau import SolverTableau

_MAX_LABELS = 25


def plot_tableau(tableau: SolverTableau, path: str | Path) -> None:
    """Draw the coefficients as a map, row by row the network's inputs and the result; ``.png``, ``.svg`` or ``.pdf``.

    Each row is divided by its largest entry: inputs of noise and of data differ by orders of magnitude in some.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    calls = tableau.num_calls
    shares = tableau.coefficients / np.abs(tableau.coefficients).max(axis=1, keepdims=True)
    figure = Figure(
        figsize=(1.9 + 0.28 * min(shares.shape[1], 40), 1.8 + 0.26 * min(calls + 1, 40)), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    image = axis.imshow(shares, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    for border in (0.5, calls + 0.5):
        axis.axvline(border, color="#333333", lw=0.8)
    rows = [f"input {row}, t = {t:.4g}" for row, t in enumerate(tableau.timesteps)] + ["result"]
    columns = ["noise", *(f"output {call}" for call in range(calls)), *(f"draw {k}" for k in tableau.drawn_in)]
    for labels, ticks, turned in ((rows, axis.set_yticks, 0), (columns, axis.set_xticks, 90)):
        shown = range(0, len(labels), -(-len(labels) // _MAX_LABELS))
        ticks(list(shown), [labels[index] for index in shown], fontsize=7, rotation=turned)
    axis.set_title(f"{tableau.num_inference_steps} steps, {calls} network calls", fontsize=9, loc="left")
    figure.colorbar(image, ax=axis, label="coefficient, as a share of its row's largest")
    save_picture(figure, path, dpi=150)
