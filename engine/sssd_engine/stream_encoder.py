"""The encoder of an engine that was built with ``--stream``: it takes a bar and what it remembers. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_engine.engine import Engine
from sssd_engine.manifest import EngineError, opened
from sssd_engine.part import Part
from sssd_engine.runtimes import open_part

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class StreamEncoder:
    """Parts of a stream.

    Attributes:
        parts: by name: ``advance_*`` of each timeframe, ``mix`` and ``measure``.
        bars: of each timeframe, how many of its last bars ``advance_*`` takes, finest first.
        memory: of each, the shape of what it remembers of a series, ``(layers, R, H)``.
        done: how many of the engine's parts they stand for.
    """

    parts: Mapping[str, Part]
    bars: Mapping[str, int]
    memory: Mapping[str, tuple[int, ...]]
    done: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what the state of one series has in addition, all float32."""
        width = next(iter(self.memory.values()))[-1]
        tokens = {"tokens": (len(self.memory), width)}
        return {f"memory_{name}": shape for name, shape in self.memory.items()} | tokens

    def first(self, state: Arrays) -> Arrays:
        """The same state with what is remembered of its windows: their bars are gone through one by one."""
        series = len(state["series"])
        state = state | {name: np.zeros((series, *shape), np.float32) for name, shape in self.shapes.items()}
        every = np.ones(series, np.bool_)
        for name, bars in self.bars.items():
            values, times = state[f"values_{name}"], state[f"times_{name}"]
            for end in range(bars, values.shape[1] + 1):
                part = state | {f"values_{name}": values[:, :end], f"times_{name}": times[:, :end]}
                made = self.advanced(part, name, every)
                state = state | {key: made[key] for key in (f"memory_{name}", "tokens")}
        return state

    def advanced(self, state: Arrays, name: str, which: npt.NDArray[np.bool_]) -> Arrays:
        """The same state after the last bar of a timeframe, of ``which`` series."""
        part, bars, memory = self.parts[f"advance_{name}"], self.bars[name], f"memory_{name}"
        some = slice(None) if which.all() else which  # all of them without a copy
        feed = {f"{kind}_{name}": state[f"{kind}_{name}"][some, -bars:] for kind in ("values", "times")}
        made = part({**feed, memory: state[memory][some]})
        tokens, kept = state["tokens"].copy(), made["memory"]
        tokens[some, list(self.bars).index(name)] = made["token"]
        if some is which:
            kept = state[memory].copy()
            kept[which] = made["memory"]
        return state | {memory: kept, "tokens": tokens}

    def context(self, windows: Mapping[str, npt.NDArray[Any]], tokens: npt.NDArray[Any]) -> Arrays:
        """Inputs of the engine's other parts: ``condition``, ``location`` and ``scale``."""
        measure = self.parts["measure"]
        made = measure({name: windows[name] for name in measure.inputs})
        return made | self.parts["mix"]({"tokens": tokens})


def stream_encoder(engine: Engine) -> StreamEncoder | None:
    """Open the parts of a stream, or nothing where the engine has none.

    Raises:
        EngineError: its folder has another engine now.
    """
    entries = {entry["name"]: entry for entry in engine.manifest.get("stream") or ()}
    engine.check_open()
    if not entries:
        return None
    if engine.origin is None:
        raise EngineError("this engine is of no folder, and so has no parts for a stream: save it, and load that")
    with opened(engine.origin.folder) as folder:
        engine.origin.check_unchanged()
        # A bar is too little to share: threads that wait for each other cost more than they save.
        parts = {name: open_part(folder, entry, threads=1) for name, entry in entries.items()}
    ports = {name: {port["name"]: port["shape"] for port in entry["inputs"]} for name, entry in entries.items()}
    names = [timeframe["name"] for timeframe in engine.manifest["spec"]["timeframes"]]
    done = next(at for at, part in enumerate(engine.parts) if "noise" in part.inputs)
    return StreamEncoder(
        parts,
        {name: ports[f"advance_{name}"][f"values_{name}"][1] for name in names},
        {name: tuple(ports[f"advance_{name}"][f"memory_{name}"][1:]) for name in names},
        done,
    )
