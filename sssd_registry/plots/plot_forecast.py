"""Fan charts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sssd_registry.forecast import Forecast
from sssd_registry.plots.figure_file import check_picture, save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

MAX_PANELS = 8
BANDS = (0.9, 0.8, 0.5)
# Blue and vermilion of Okabe and Ito's palette, which differ for colour-blind readers too, and in print.
_FAN, _ACTUAL, _HISTORY, _FAINT = "#0072B2", "#D55E00", "#333333", "#767676"
_SHADES = {
    0.9: "#d9e9f4",
    0.8: "#b3d4e9",
    0.5: "#80b9da",
}  # opaque, so that the legend shows what the eye sees
# Units of numpy's datetime64, from fine to coarse, with how a tick of that unit reads.
_TICK_UNITS = (
    ("5m", "%H:%M\n%d %b"),
    ("15m", "%H:%M\n%d %b"),
    ("h", "%H:%M\n%d %b"),
    ("3h", "%H:%M\n%d %b"),
    ("6h", "%H:%M\n%d %b"),
    ("D", "%a\n%d %b"),
    ("W", "%d %b\n%Y"),
    ("M", "%b\n%Y"),
    ("3M", "%b\n%Y"),
    ("Y", "%Y"),
    ("5Y", "%Y"),
)
_MAX_TICKS = 9
_MARKED = 13  # with more points than these, markers would hide the line


def fan_chart(
    forecast: Forecast,
    history_times: npt.ArrayLike,
    history: Array,
    path: str | Path,
    *,
    window: int = 0,
    actual: Array | None = None,
    actual_times: npt.ArrayLike | None = None,
    paths: int = 0,
) -> None:
    """Draw one window's forecast after its recent past: median and intervals, a panel for each target.

    Intervals are of each horizon by itself; what a future looks like, paths show.

    Args:
        forecast: the forecast.
        history_times: start of each bar, ``(H,)``, UTC; the last is the origin.
        history: the targets up to and including the origin, ``(H, C)``, in the units of the samples (0 at the
            origin where those are log-returns).
        path: ``.png``, ``.svg`` or ``.pdf``.
        window: which of the B windows.
        actual: what came to be. Without ``actual_times`` at the horizons, ``(K, C)``; with them at each of
            the N bars that follow the origin, ``(N, C)``.
        actual_times: start of those bars, ``(N,)``.
        paths: so many of the samples are drawn through the fan, the same ones in each panel; all, if there are fewer.

    Raises:
        ValueError: shapes that do not belong together.
        SSSDError: the picture cannot be written.
    """
    check_picture(path)
    # The figure is made without pyplot, whose global state (current figure, backend) belongs to the caller.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    past = np.asarray(history_times, dtype="datetime64[ns]")
    after = None if actual_times is None else np.asarray(actual_times, dtype="datetime64[ns]")
    _check(forecast, past, history, actual, after)
    panels = min(len(forecast.targets), MAX_PANELS)
    figure = Figure(figsize=(9.0, 2.1 + 2.5 * panels), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    for column, axis in enumerate(axes):
        _panel(axis, forecast, window, column, history[:, column], actual, after, paths)
    _ticks(axes[-1], *_known_times(forecast, window, past, after))
    _horizon_ticks(axes[0], forecast.horizons)
    figure.suptitle(_title(forecast, window, panels), x=0.01, ha="left", fontsize=11, fontweight="bold")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    save_picture(figure, path, dpi=160)


def _check(forecast: Forecast, past: Times, history: Array, actual: Array | None, after: Times | None) -> None:
    targets = len(forecast.targets)
    if past.ndim != 1 or history.shape != (len(past), targets) or not len(past):
        raise ValueError(f"history has shape {history.shape}, expected {(len(past), targets)}")
    rows = len(forecast.horizons) if after is None else len(after)
    if actual is not None and actual.shape != (rows, targets):
        raise ValueError(f"actual has shape {actual.shape}, expected {(rows, targets)}")


def _panel(
    axis: Axes,
    forecast: Forecast,
    window: int,
    column: int,
    history: Array,
    actual: Array | None,
    after: Times | None,
    paths: int,
) -> None:
    # The x axis counts bars from the origin: in calendar time weekends and nights would tear the lines apart.
    last = history[-1]
    order = np.argsort(forecast.horizons)
    bars = np.array([0.0, *forecast.horizons])[[0, *order + 1]]  # (K + 1,)
    samples = forecast.samples[window][:, order, column]  # (S, K)
    mark = {"markevery": slice(1, None), "ms": 4} if len(bars) <= _MARKED else {"marker": ""}
    axis.plot(np.arange(1 - len(history), 1), history, color=_HISTORY, lw=1.2, label="history")
    _fan(axis, bars, last, samples, mark, paths)
    if actual is not None:
        at = bars if after is None else np.arange(len(after) + 1)
        values = actual[order, column] if after is None else actual[:, column]
        style: dict[str, Any] = {
            "ls": (0, (4, 1.5)),
            "marker": "D",
            "color": _ACTUAL,
            "lw": 1.4,
            "label": "what happened",
        }
        axis.plot(at, [last, *values], **style | (mark if after is None else {"marker": ""}))
    axis.axvline(0, color=_FAINT, lw=0.8, ls=":")
    axis.set_ylabel(forecast.targets[column])
    axis.grid(axis="y", color="#e6e6e6", lw=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.01)
    axis.ticklabel_format(axis="y", useOffset=False)


def _fan(axis: Axes, bars: Array, last: float, samples: Array, mark: dict[str, Any], paths: int) -> None:
    """Bands, paths and median, straight from the origin to the first horizon and from one to the next."""
    for level in BANDS:
        low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        label = f"{level:.0%} interval"
        axis.fill_between(bars, [last, *low], [last, *high], color=_SHADES[level], lw=0, label=label)
    for path in samples[:paths]:
        axis.plot(bars, [last, *path], color=_FAN, lw=0.5, alpha=0.6, label="_path")
    if paths:
        axis.plot([], [], color=_FAN, lw=0.5, label="sample paths")  # one entry of the legend for all
    style: dict[str, Any] = {"color": _FAN, "lw": 1.6, "marker": "o", "label": "median"}
    axis.plot(bars, [last, *np.median(samples, axis=0)], **style | mark)


def _known_times(forecast: Forecast, window: int, past: Times, after: Times | None) -> tuple[Array, Times]:
    """Every bar number whose time is known, ascending, and the times."""
    times: dict[float, np.datetime64] = dict(zip(range(1 - len(past), 1), past, strict=True))
    times |= {float(np.ceil(h)): t for h, t in zip(forecast.horizons, forecast.times[window], strict=True)}
    if after is not None:
        times |= dict(enumerate(after, start=1))
    bars = sorted(times)
    return np.array(bars, dtype=np.float64), np.array([times[bar] for bar in bars], dtype="datetime64[ns]")


def _ticks(axis: Axes, bars: Array, times: Times) -> None:
    """Label the first bar of each hour, day, month …, whichever makes few enough labels."""
    for unit, form in _TICK_UNITS:  # noqa: B007 - used after the loop
        periods = times.astype(f"datetime64[{unit}]").astype(np.int64)
        starts = np.flatnonzero(np.diff(periods, prepend=periods[0] - 1))
        # The first period shown is as a rule cut off: its first bar here is not where it began.
        starts = starts[1:] if len(starts) > 2 else starts
        if len(starts) <= _MAX_TICKS:
            break
    ticks = _spread(starts, bars)
    axis.set_xticks(bars[ticks], [_text(times[index], form) for index in ticks], fontsize=9)
    axis.set_xlabel("start of the bar, UTC (hours without bars take no room)", fontsize=9, color=_FAINT)


def _spread(starts: npt.NDArray[np.int64], bars: Array) -> list[int]:
    """Drop the earlier of starts so close that their labels would collide: Monday stays, not Sunday evening."""
    kept: list[int] = []
    for index in reversed(starts.tolist()):
        if not kept or bars[kept[-1]] - bars[index] > 0.08 * (bars[-1] - bars[0]):
            kept.append(index)
    return kept[::-1]


def _text(time: np.datetime64, form: str) -> str:
    moment: Any = time.astype("datetime64[us]").item()
    return str(moment.strftime(form))


def _horizon_ticks(axis: Axes, horizons: tuple[float, ...]) -> None:
    """The horizons in bars, above the first panel; some of them where they would run into each other."""
    left, right = axis.get_xlim()
    shown: list[float] = []
    for horizon in sorted(horizons, reverse=True):
        room = 0.009 * (len(f"{horizon:g}") + 1) * (right - left)
        if not shown or shown[-1] - horizon > room:
            shown.append(horizon)
    top = axis.secondary_xaxis("top")
    top.set_xticks(shown, [f"{horizon:g}" for horizon in shown], fontsize=9)
    top.tick_params(length=3, color=_FAINT, labelcolor=_FAINT)
    top.spines["top"].set_visible(False)
    axis.annotate(
        "bars ahead",
        (0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 8.5),
        textcoords="offset points",
        ha="right",
        color=_FAINT,
        fontsize=9,
    )


def _title(forecast: Forecast, window: int, panels: int) -> str:
    names = [str(forecast.series[window])] + (list(forecast.targets) if panels == 1 else [])
    what = ", ".join(name for name in names if name)
    origin = np.datetime_as_string(forecast.origin_times[window], unit="m").replace("T", " ")
    hidden = len(forecast.targets) - panels
    more = f" ({hidden} more targets not shown)" if hidden else ""
    return f"{what}: forecast from {origin} UTC{more}" if what else f"Forecast from {origin} UTC{more}"
