"""Inputs of a stream: its first windows, and new bars, checked as windows are. numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.coarser_bars import NOTHING, OpenBars, bar_starts
from sssd_engine.input_times import YEAR_10000
from sssd_engine.inputs import Inputs, check_array, check_values, checked_inputs, read_inputs
from sssd_engine.manifest import EngineError

State = dict[str, npt.NDArray[Any]]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """Timeframes and columns of an engine's data.

    Attributes:
        base: name of the finest timeframe.
        bar_seconds: length of its bars; of months, about.
        step_seconds: from one bar to the next, at least; 0 for months.
        coarser: seconds of the others by name.
        lookback: bars of a window by name of the timeframe, the finest first.
        roles: of the columns.
        width: W, columns and what is known ahead.
        ahead: ``(H, P)`` of what is known of bars to come; None where nothing is.
        filled: a bar that is not there is a missing value.
    """

    base: str
    bar_seconds: int
    step_seconds: int
    coarser: Mapping[str, int]
    lookback: Mapping[str, int]
    roles: tuple[str, ...]
    width: int
    ahead: tuple[int, int] | None
    filled: bool

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> Frames:
        """Read them from a manifest."""
        spec = manifest["spec"]
        shapes = {port["name"]: tuple(port["shape"][1:]) for port in manifest["inputs"]}
        if not spec.get("timeframes"):
            raise EngineError("the engine's manifest does not say what its timeframes are: export anew")
        base, *coarser = spec["timeframes"]
        months = bool(spec.get("bar_months"))
        return Frames(
            base=base["name"],
            bar_seconds=base["seconds"],
            step_seconds=0 if months else spec.get("step_seconds") or base["seconds"],
            coarser={each["name"]: each["seconds"] for each in coarser},
            lookback={each["name"]: shapes[f"values_{each['name']}"][0] for each in spec["timeframes"]},
            roles=tuple(spec["roles"]),
            width=shapes[f"values_{base['name']}"][1],
            ahead=shapes.get("values_known"),
            filled=spec.get("gaps") == "missing" and not months,
        )

    def shapes(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """Type and shape of what a stream's state has of one series, by name."""
        made: dict[str, tuple[Any, tuple[int, ...]]] = {"series": (np.str_, ()), "streams": (np.uint64, ())}
        for name, bars in self.lookback.items():
            made[f"values_{name}"] = (np.float64, (bars, self.width))
            made[f"times_{name}"] = (np.int64, (bars,))
        for name in self.coarser:
            for part, array in OpenBars.none(1, self.width).arrays(name).items():
                made[part] = (array.dtype.type, array.shape[1:])
        if self.ahead is not None:
            made["values_known"] = (np.float64, self.ahead)
        return made


@dataclass(frozen=True)
class NewBars:
    """A new bar of each of n series.

    Attributes:
        bars: float64 ``(n, W)``.
        times: int64 ``(n,)``.
        known: float64 ``(n, H, P)``, or nothing.
    """

    bars: npt.NDArray[np.float64]
    times: Times
    known: npt.NDArray[np.float64] | None


def first_state(manifest: Mapping[str, Any], inputs: Inputs) -> tuple[Frames, State]:
    """State of a stream whose last windows are ``inputs``, but for what an encoder remembers.

    Raises:
        EngineError: as when an engine is called; a coarser bar is half over, and begins before the windows do.
    """
    frames = Frames.of(manifest)
    read = read_inputs(manifest, inputs)
    state: State = dict(checked_inputs(manifest, read))
    count = len(state[f"times_{frames.base}"])
    if not count:
        raise EngineError("a stream is of one series or more, and begins with a window of each")
    series, streams = getattr(read, "series", None), getattr(read, "streams", None)
    state["series"] = np.array([""] * count if series is None else [str(each) for each in series], dtype=np.str_)
    state["streams"] = np.arange(count, dtype=np.uint64) if streams is None else np.asarray(streams, dtype=np.uint64)
    for name in frames.coarser:
        state |= _begun(frames, name, state).arrays(name)
    return frames, state


def _begun(frames: Frames, name: str, state: State) -> OpenBars:
    """Coarser bars that are not over at the end of the windows, from the finer ones in these."""
    times, values = state[f"times_{frames.base}"], state[f"values_{frames.base}"]
    seconds, last = frames.coarser[name], state[f"times_{name}"][:, -1]
    starts = bar_starts(times, seconds, frames.bar_seconds)  # (B, L)
    late = starts > last[:, None]
    unseen = late[:, 0] & (times[:, 0] > starts[:, 0])
    if unseen.any():
        raise EngineError(
            f"values_{frames.base} begins within the {name} bar from {starts[unseen][0, 0]}, which values_{name} has"
            " not: open the stream with the windows of a moment when that bar was over"
        )
    made = OpenBars.none(*values[:, 0].shape)
    for place in range(times.shape[1]):
        if late[:, place].any():
            between = late[:, place] & (made.start != NOTHING) & (made.start != starts[:, place])
            made = made.joined(starts[:, place], values[:, place], frames.roles, late[:, place] & ~between)
    over = made.over(seconds, times[:, -1] + frames.bar_seconds) | (late[:, -1] & (made.start != starts[:, -1]))
    if over.any():
        raise EngineError(
            f"values_{name} lacks its bar from {made.start[over][0]}, which is over: give the last complete bars, of"
            " one moment in all timeframes"
        )
    return made


def checked_bars(
    manifest: Mapping[str, Any],
    frames: Frames,
    state: State,
    bars: npt.ArrayLike,
    times: npt.ArrayLike,
    known: npt.ArrayLike | None,
) -> NewBars:
    """New bars of the n series of ``state``.

    Raises:
        EngineError: a type, shape, value or time that the engine would not take in a window.
    """
    count = len(state["series"])
    try:
        rows, moments = np.asarray(bars), np.asarray(times)
        ahead = None if known is None else np.asarray(known)
    except (ValueError, TypeError) as error:
        raise EngineError(f"bars, times and known have to be arrays: {error}") from None
    rows = rows[None] if rows.ndim == 1 and count == 1 else rows
    moments = np.broadcast_to(moments, (count,)) if moments.ndim == 0 else moments
    _check("bars", rows, np.float64, (count, frames.width))
    _check("times", moments, np.int64, (count,))
    made = rows.astype(np.float64), moments.astype(np.int64)
    check_values("bars", made[0][:, None], manifest)
    _check_times(frames, state, made[1])
    if frames.ahead is None:
        if ahead is not None:
            raise EngineError("this engine knows nothing ahead: leave known out")
        return NewBars(*made, None)
    if ahead is None:
        raise EngineError("this engine's model knows something ahead: give known, of the bars after these, too")
    ahead = ahead[None] if ahead.ndim == 2 and count == 1 else ahead
    _check("known", ahead, np.float64, (count, *frames.ahead))
    check_values("values_known", ahead.astype(np.float64), manifest)
    return NewBars(*made, ahead.astype(np.float64))


def _check(name: str, array: npt.NDArray[Any], dtype: type, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise EngineError(f"{name} has shape {array.shape}; of {shape[0]} series it has to be {shape}")
    check_array(name, array, dtype, shape)


def _check_times(frames: Frames, state: State, times: Times) -> None:
    last = state[f"times_{frames.base}"][:, -1]
    far = np.abs(times.astype(np.float64)) > YEAR_10000
    if far.any():
        raise EngineError(f"times has {times[far][0]}; it has to be in seconds since 1970-01-01 UTC")
    for wrong, what in (
        (times == last, "was had already: a bar cannot be pushed twice"),
        (times < last, "is late: bars have to come in the order of their times"),
        (times - last < frames.step_seconds / 2, f"overlaps that: bars are {frames.step_seconds} seconds apart"),
    ):
        if wrong.any():
            at = int(np.argmax(wrong))
            name = f" {str(state['series'][at])!r}" if state["series"][at] else f" {at}"
            raise EngineError(f"the last bar of series{name} is from {last[at]}, and that from {times[at]} {what}")


def missing_bars(frames: Frames, state: State, times: Times) -> Iterator[tuple[Times, Flags]]:
    """Bars that are not there between the last ones and new ones, where they are missing values: times, and whose.

    Raises:
        EngineError: more than a window holds, or what was known of them is not.
    """
    if not frames.filled:
        return
    last = state[f"times_{frames.base}"][:, -1]
    count = (times - last - 1) // frames.bar_seconds
    count[(times - last) % frames.bar_seconds != 0] = 0  # on no grid: as reading a file leaves them
    most, held = int(count.max()), max(frames.lookback.values())
    if most > 0 and frames.ahead is not None:
        raise EngineError(
            f"{most} bars before {times[count.argmax()]} are missing: push each, NaN but for what is known"
        )
    if most > held * max([1, *frames.coarser.values()]) // frames.bar_seconds + held:
        raise EngineError(
            f"{most} bars before {times[count.argmax()]} are missing, more than a window: open the stream anew"
        )
    for step in range(1, most + 1):
        yield np.where(step <= count, last + step * frames.bar_seconds, times), step <= count
