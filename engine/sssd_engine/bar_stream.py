"""A stream: bars of some series go in one by one, and a forecast comes out after each.

    stream = open_stream(engine, "prices.csv")
    forecast = stream.push(bar, time)  # what the engine says of the window that ends with this bar
    stream.save("state.npz")
    stream = restore_stream(engine, "state.npz")

Any engine can be streamed: the stream keeps the raw windows, and puts coarser bars together by itself. Of one that was
built with ``--stream`` it keeps what the encoder remembers, too, and the encoder then costs one bar and not a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.coarser_bars import OpenBars, bar_starts
from sssd_engine.encoded import Encoded
from sssd_engine.engine import Engine
from sssd_engine.forecast import Asked, EngineForecast
from sssd_engine.inputs import Inputs
from sssd_engine.manifest import EngineError
from sssd_engine.stream_encoder import StreamEncoder, stream_encoder
from sssd_engine.stream_file import read_state, write_state
from sssd_engine.stream_inputs import Frames, State, checked_bars, first_state, missing_bars


class Windows(dict[str, npt.NDArray[Any]]):
    """A stream's raw windows under the names that an engine takes, with ids and numbers of noise."""

    series: npt.NDArray[Any]
    streams: npt.NDArray[np.uint64]


class BarStream:
    """See the module's text. Made by :func:`open_stream`; for one thread at a time."""

    def __init__(self, engine: Engine, frames: Frames, encoder: StreamEncoder | None, state: State) -> None:
        self.engine, self._frames, self._encoder, self._state = engine, frames, encoder, state

    @property
    def series(self) -> npt.NDArray[Any]:
        """The id of each series, ``(B,)``; ``""`` where they have none."""
        return self._state["series"]

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """Start of each series' last bar, int64 ``(B,)``, seconds since 1970 UTC."""
        return self._state[f"times_{self._frames.base}"][:, -1]

    def push(
        self,
        bars: npt.ArrayLike,
        times: npt.ArrayLike,
        *,
        known: npt.ArrayLike | None = None,
        series: Sequence[int | str] | None = None,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> EngineForecast:
        """Take one new bar of each series, and forecast from it; arguments as of :meth:`add` and :meth:`forecast`.

        Where the bar is refused, nothing has changed. Where only the forecast is, such as of no sample, the bar has
        been taken, and :meth:`forecast` can be asked again.

        Raises:
            EngineError: as these do.
        """
        self.add(bars, times, known=known, series=series)
        return self.forecast(num_samples, seed, series=series)

    def add(
        self,
        bars: npt.ArrayLike,
        times: npt.ArrayLike,
        *,
        known: npt.ArrayLike | None = None,
        series: Sequence[int | str] | None = None,
    ) -> None:
        """Take one new bar of each series. Where that is refused, the stream stays as it was.

        Args:
            bars: ``(n, W)`` in data units, columns as in the manifest; ``(W,)`` of a single series.
            times: start of each bar, whole seconds since 1970 UTC, ``(n,)`` or one for all.
            known: what is known of the bars to come, ``(n, H, P)``, for a model that knows something ahead.
            series: positions or ids of the n series that have one; default: all.

        Raises:
            EngineError: a bar is not after the last of its series, or is not what the engine takes.
        """
        self.engine.check_open()
        at = self._positions(series)
        part = {name: array[at] for name, array in self._state.items()}
        new = checked_bars(self.engine.manifest, self._frames, part, bars, times, known)
        if new.known is not None:
            part["values_known"] = new.known
        for late, missing in missing_bars(self._frames, part, new.times):
            part = self._moved(part, missing, late, np.full_like(new.bars, np.nan))
        part = self._moved(part, np.ones(len(new.times), np.bool_), new.times, new.bars)
        if series is None:
            self._state = part
        else:
            for name, array in part.items():
                self._state[name][at] = array

    def forecast(
        self, num_samples: int | None = None, seed: int = 0, *, series: Sequence[int | str] | None = None
    ) -> EngineForecast:
        """Forecast from the last bars; each series has its own noise, as a window of its number has in the engine.

        Args:
            num_samples: S; default: as exported.
            seed: of the noise.
            series: positions or ids; default: all.

        Raises:
            EngineError: no such series, or no number of samples.
        """
        at, windows = self._positions(series), self.windows(series)
        if self._encoder is None:
            return self.engine.sample(self.engine.encode(windows), num_samples, seed)
        self.engine.check_open()
        values = self._encoder.context(windows, self._state["tokens"][at])
        asked = Asked(self.engine.manifest, windows)
        encoded = Encoded(len(windows.series), values, self._encoder.done, asked)
        return self.engine.sample(encoded, num_samples, seed)

    def windows(self, series: Sequence[int | str] | None = None) -> Windows:
        """The last windows under the names that an engine takes."""
        at = self._positions(series)
        names = [name for name in self._state if name.startswith(("values_", "times_"))]
        made = Windows({name: self._state[name][at] for name in names})
        made.series, made.streams = self._state["series"][at].astype(object), self._state["streams"][at]
        return made

    def save(self, file: str | Path) -> None:
        """Write all that the stream knows to an npz file, whole or not at all.

        Raises:
            EngineError: it cannot be written.
        """
        write_state(Path(file), self._state, self.engine.manifest)

    def _positions(self, series: Sequence[int | str] | None) -> Any:
        """Index of series; all of them without a copy.

        Raises:
            EngineError: there is no such series, or one is named twice.
        """
        if series is None:
            return slice(None)
        known, found = self._state["series"], []
        if isinstance(series, str):
            raise EngineError(f"series has to be a list of ids or positions, such as [{series!r}]")
        for name in series:
            place = np.flatnonzero(known == name if isinstance(name, str) else np.arange(len(known)) == name)
            if len(place) != 1:
                raise EngineError(
                    f"the stream has no series {name!r:.60}: it has {len(known)}, {str(known[0])!r} first"
                )
            found.append(int(place[0]))
        if len(set(found)) < len(found):
            raise EngineError("a series is named twice: push its bars one after the other")
        return np.array(found, dtype=np.intp)

    def _moved(
        self, part: State, which: npt.NDArray[np.bool_], times: npt.NDArray[np.int64], bars: npt.NDArray[np.float64]
    ) -> State:
        """State of n series with a bar more of ``which``, and with the coarser bars that it completes."""
        frames, now = self._frames, times + self._frames.bar_seconds
        part = self._rolled(part, frames.base, which, times, bars)
        for name, seconds in frames.coarser.items():
            starts, state = bar_starts(times, seconds, frames.bar_seconds), OpenBars.named(part, name)
            # The last one may have been over for long, where bars have gaps.
            part, state = self._completed(part, name, state, which & (state.start != starts), now)
            state = state.joined(starts, bars, frames.roles, which)
            part, state = self._completed(part, name, state, which, now)
            part = part | state.arrays(name)
        return part

    def _completed(
        self, part: State, name: str, state: OpenBars, which: npt.NDArray[np.bool_], now: npt.NDArray[np.int64]
    ) -> tuple[State, OpenBars]:
        over = which & state.over(self._frames.coarser[name], now)
        if not over.any():
            return part, state
        return self._rolled(part, name, over, state.start, state.whole(self._frames.roles)), state.without(over)

    def _rolled(
        self,
        part: State,
        name: str,
        which: npt.NDArray[np.bool_],
        times: npt.NDArray[np.int64],
        bars: npt.NDArray[np.float64],
    ) -> State:
        """Windows of one timeframe a bar on, and what the encoder makes of it."""
        made = dict(part)
        for kind, new in (("values", bars), ("times", times)):
            old = part[f"{kind}_{name}"]
            moved = np.concatenate([old[:, 1:], new[:, None]], axis=1)
            made[f"{kind}_{name}"] = moved if which.all() else np.where(_like(which, old), moved, old)
        return made if self._encoder is None else self._encoder.advanced(made, name, which)


def _like(which: npt.NDArray[np.bool_], array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return which.reshape(-1, *[1] * (array.ndim - 1))


def open_stream(engine: Engine, inputs: Inputs) -> BarStream:
    """Begin a stream with the windows of B series, as the engine takes them: arrays, a frame, or its file.

    Raises:
        EngineError: as when the engine is called; or a coarser bar is half over, and its beginning is not in the
            windows.
        SSSDError: a frame is unusable.
    """
    frames, state = first_state(engine.manifest, inputs)
    encoder = stream_encoder(engine)
    if encoder is not None:
        state = encoder.first(state)
    return BarStream(engine, frames, encoder, state)


def restore_stream(engine: Engine, file: str | Path) -> BarStream:
    """Go on with a stream that :meth:`BarStream.save` wrote.

    Raises:
        EngineError: the file is damaged, or of another engine.
    """
    encoder = stream_encoder(engine)
    shapes = {} if encoder is None else encoder.shapes
    frames, state = read_state(Path(file), engine.manifest, shapes)
    return BarStream(engine, frames, encoder, state)
