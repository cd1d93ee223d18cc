"""Checks of what a manifest says of a stream's parts. Runtime half: the standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_RUNTIME = "onnxruntime"


def stream_faults(manifest: Mapping[str, Any], inputs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what does not fit the engine, or other parts of the stream.

    Args:
        manifest: each entry of which may be right by itself.
        inputs: the engine's, by name.
    """
    parts = manifest.get("stream") or []
    if not parts:
        return
    names = [each.get("name") for each in manifest["spec"].get("timeframes") or ()]
    wanted = {**{f"advance_{name}": _advances(name) for name in names}, "mix": {"tokens"}}
    wanted["measure"] = {name for name in inputs if name.startswith(("values_", "times_"))}
    given = {part["name"]: part for part in parts}
    if set(given) != set(wanted) or len(parts) != len(wanted):
        yield f"stream has to have the parts {', '.join(map(ascii, wanted))}"
        return
    for name, part in given.items():
        if part["runtime"] != _RUNTIME or part["graph"] not in manifest["files"]:
            yield f"stream: {name!r} has no graph of {_RUNTIME} in the folder"
        if {port["name"] for port in part["inputs"]} != wanted[name]:
            yield f"stream: {name!r} has to take {', '.join(sorted(map(ascii, wanted[name])))}"
            return
    width = _shape(given["mix"], "tokens")[1:]
    if len(width) != 2 or width[0] != len(names):
        yield f"stream: 'mix' takes tokens of {len(names)} timeframes"
        return
    for name in names:
        part = given[f"advance_{name}"]
        values, times, memory = (_shape(part, f"{kind}_{name}") for kind in ("values", "times", "memory"))
        whole = inputs.get(f"values_{name}", {"shape": []})["shape"]
        fits = len(values) == 3 and len(whole) == 3 and values[2:] == whole[2:] and 1 <= _size(values[1]) <= whole[1]
        if not fits or times[1:] != values[1:2] or len(memory) != 4 or memory[3] != width[1]:
            yield f"stream: 'advance_{name}' takes other shapes than the engine's windows have"


def _advances(name: str) -> set[str]:
    return {f"{kind}_{name}" for kind in ("values", "times", "memory")}


def _shape(part: Mapping[str, Any], name: str) -> list[Any]:
    return next(list(port["shape"]) for port in part["inputs"] if port["name"] == name)


def _size(size: Any) -> int:
    return size if isinstance(size, int) else 0
