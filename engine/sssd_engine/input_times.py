"""Checks of an engine's times: their unit, their order, and that all timeframes end where the finest one does.

Runtime half: numpy only. What of this needs a bar's length is left out for bars of the calendar's months.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.manifest import EngineError

Times = npt.NDArray[np.int64]

YEAR_10000 = 253_402_300_800


def check_times(feed: Mapping[str, npt.NDArray[Any]], manifest: Mapping[str, Any]) -> None:
    """Check every ``times_*`` of ``feed``, int64 ``(B, L_tf)``, by itself and against the others.

    Raises:
        EngineError: times that are not seconds, do not ascend, lie too close together for their timeframe, or whose
            last bar is not the last one that was complete when the finest timeframe's ended.
    """
    spec = manifest.get("spec", {})
    lengths = _lengths(spec)
    rows = spec.get("step_seconds") or 0  # where rows overlap, they begin closer together than they are long
    for name, times in feed.items():
        if name.startswith("times_") and times.size:
            _check_order(name, times)
            _check_unit(name, times, min(lengths.get(name, 0), rows or YEAR_10000))
    given = [name for name in lengths if name in feed and feed[name].size]
    if given:
        base, *coarser = given  # a specification has the finest first
        for name in coarser:
            _check_together(name, feed[name], lengths[name], base, feed[base], lengths[base])


def _lengths(spec: Mapping[str, Any]) -> dict[str, int]:
    """Seconds of a bar by the name of its times, the finest first; nothing where bars are months."""
    if spec.get("bar_months", 0):
        return {}
    return {f"times_{each['name']}": int(each["seconds"]) for each in spec.get("timeframes") or ()}


def _check_order(name: str, times: Times) -> None:
    """Ascending, and of years that are written with four digits: milliseconds are a common mistake."""
    far = (times > YEAR_10000) | (times < -YEAR_10000)  # the absolute value of the least integer is itself
    if far.any():
        raise EngineError(f"{name} has {times[far][0]}; it has to be in seconds since 1970-01-01 UTC")
    still = np.diff(times, axis=1) <= 0
    if still.any():
        window, bar = (int(index) for index in np.argwhere(still)[0])
        raise EngineError(f"{name}[{window}, {bar + 1}] is not after the bar before it: bars have to be oldest first")


def _check_unit(name: str, times: Times, seconds: int) -> None:
    """Minutes, hours or days in the place of seconds lie so close together that bars would overlap."""
    if times.shape[1] < 2:
        return
    apart = np.median(np.diff(times, axis=1), axis=1)  # (B,)
    close = apart < seconds / 2
    if close.any():
        window = int(np.argmax(close))
        raise EngineError(
            f"{name}[{window}] has bars {apart[window]:g} seconds apart, and not {seconds}: times have to be in seconds"
            " since 1970-01-01 UTC"
        )


def _check_together(name: str, times: Times, seconds: int, base: str, base_times: Times, bar: int) -> None:
    """A coarser timeframe has to end with its last bar that was complete at the end of the finest one's last bar."""
    now = base_times[:, -1] + bar  # (B,)
    end = times[:, -1] + seconds
    if (end > now).any():
        window = int(np.argmax(end > now))
        raise EngineError(
            f"{name}[{window}] ends with the bar from {times[window, -1]}, which is over {end[window] - now[window]}"
            f" seconds after the last of {base}: give complete bars only, of one moment in all timeframes"
        )
    # Of such a bar of the finest one it is sure, wherever coarser bars begin, that a later one was complete.
    later = (base_times >= end[:, None]) & (base_times + (bar + seconds - 1) <= now[:, None])  # (B, L)
    if later.any():
        window = int(np.argmax(later.any(axis=1)))
        raise EngineError(
            f"{name}[{window}] ends with the bar from {times[window, -1]}, and the last of {base} is from"
            f" {base_times[window, -1]}: give the last complete bars, of one moment in all timeframes"
        )
