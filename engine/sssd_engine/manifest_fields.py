"""Checks of a manifest's entries: types, ranges, and what fits what. Runtime half: the standard library only.

A manifest is read before anything of its engine is opened, and no size in it is believed before it was checked here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sssd_engine.fields import (
    ANYTHING,
    COUNT,
    FILE,
    FLAG,
    NUMBER,
    SECONDS,
    SHA256,
    SIZE,
    TEXT,
    Kind,
    each,
    maybe,
    table,
    whole,
    words,
)
from sssd_engine.given_fields import CONDITIONING_FIELDS, conditioning_faults
from sssd_engine.noise import NOISE
from sssd_engine.solver_fields import SOLVER_FIELDS, solver_faults
from sssd_engine.stream_fields import stream_faults

_LONGEST_TEXT = 10_000
_DEEPEST = 20


class ManifestError(ValueError):
    """An entry is not what it has to be; says which, and what it has to be."""


_DTYPES = ("float64", "float32", "int64", "float16", "bfloat16", "int32", "int8", "uint8", "bool")
_PORT = {"name": TEXT, "dtype": words(*_DTYPES), "shape": each(SIZE, 0, 16)}
_DESCRIBED = {**_PORT, "dtype": words(*_DTYPES[:3]), "meaning": TEXT}
_SPEC = {
    "targets": each(TEXT, 1), "columns": each(TEXT, 1), "roles": each(TEXT, 1), "timeframes": maybe(each(ANYTHING)),
    "bar_months": maybe(whole(0, 2**40)), "step_seconds": maybe(whole(0, 2**40)),
}  # fmt: skip
_PACKAGE = {"torch": TEXT, "device": words("cpu", "cuda"), "processor": TEXT, "order": each(TEXT, 1, 100)}
_PROFILE = {"windows": each(COUNT, 3, 3), "samples": each(COUNT, 3, 3)}
_PART = {
    "name": TEXT, "stages": each(TEXT, 1), "runtime": TEXT, "graph": FILE, "precision": TEXT, "structure": TEXT,
    "inputs": each(ANYTHING), "outputs": each(ANYTHING), "layers": table(whole(0, 2**40)),
    "weights": whole(0, 2**40), "solver": maybe(ANYTHING), "plan": maybe(ANYTHING),
    "package": maybe(ANYTHING),
}  # fmt: skip
_PARITY = {"max_error": NUMBER, "tolerance": NUMBER, "network_share": maybe(NUMBER)}
_ORDER = {
    "target": maybe(TEXT), "scheduler": maybe(TEXT), "steps": maybe(COUNT), "samples": COUNT, "horizons": maybe(TEXT),
    "unit": TEXT, "precision": maybe(TEXT), "loop": maybe(TEXT), "split": FLAG,
    "stream": maybe(FLAG),
}  # fmt: skip
_SOURCE = {"model": TEXT, "command": TEXT, "order": ANYTHING}
# Of every engine, whoever's target it is.
_OF_ALL = {"target": TEXT, "files": table(SHA256), "parts": maybe(each(ANYTHING, 0, 100)),
           "stream": maybe(each(ANYTHING, 0, 100))}  # fmt: skip
# Of those of our own form, which have parts.
_FIELDS = {
    "inputs": each(ANYTHING, 1), "outputs": each(ANYTHING, 2, 2), "horizons": each(COUNT, 1),
    "quantile_levels": each(NUMBER, 1), "num_samples": COUNT, "latent_shape": each(COUNT, 2, 2),
    "network_in_use": FLAG, "scheduler": TEXT, "num_inference_steps": whole(0, 2**40), "num_calls": whole(0, 2**40),
    "tableau": TEXT, "precision": TEXT,
    "loop": TEXT, "spec": ANYTHING, "test_start": SECONDS, "random_walk_window": COUNT, "parity": maybe(ANYTHING),
    "source": ANYTHING, "versions": table(TEXT), "settings": ANYTHING, "conditioning": maybe(ANYTHING),
}  # fmt: skip


def check_entries(manifest: dict[str, Any]) -> None:
    """Check every entry.

    Raises:
        ManifestError: the first that is not what it has to be.
    """
    _check_fields(manifest, _OF_ALL, "")
    for name in manifest["files"]:
        if not FILE.holds(name):
            raise ManifestError(f"files names {name!r}, which is not in the folder")
    if not manifest.get("parts"):
        return
    _check_fields(manifest, _FIELDS, "")
    for where, entries, fields in _nested(manifest):
        _check_fields(entries, fields, where)
    if fault := next(_faults(manifest), None):
        raise ManifestError(fault)


def check_plain(value: Any, where: str = "the manifest", depth: int = 0) -> None:
    """Check for texts that can be printed, numbers that are numbers, and no more levels than anybody needs.

    Raises:
        ManifestError: something else is there.
    """
    if depth > _DEEPEST:
        raise ManifestError(f"{where} is nested more than {_DEEPEST} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ManifestError(f"{where} is {value}, and has to be finite")
    if isinstance(value, str) and (len(value) > _LONGEST_TEXT or any("\ud800" <= char <= "\udfff" for char in value)):
        raise ManifestError(f"{where} is a text of {len(value)} characters that cannot be shown")
    if isinstance(value, dict):
        for key, entry in value.items():
            check_plain(key, f"a name in {where}", depth + 1)
            check_plain(entry, key, depth + 1)
    if isinstance(value, list):
        for entry in value:
            check_plain(entry, where, depth + 1)


def _check_fields(entries: Mapping[str, Any], fields: Mapping[str, Kind], where: str) -> None:
    for name, kind in fields.items():
        if name not in entries:
            if kind.optional:
                continue
            raise ManifestError(f"{where}{name} is missing")
        if not kind.holds(entries[name]):
            raise ManifestError(f"{where}{name} is {_shown(entries[name])}, and has to be {kind.what}")


def _shown(value: Any) -> str:
    text = "too large a number" if isinstance(value, int) and abs(value) > 2**63 else ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _nested(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Kind]]]:
    """Objects within the manifest, where they are, and what they have to hold."""
    for side in ("inputs", "outputs"):
        yield from ((f"{side}: ", port, _DESCRIBED) for port in manifest[side])
    yield "source: ", manifest["source"], _SOURCE
    yield "source: order: ", manifest["source"]["order"], _ORDER
    if manifest.get("parity") is not None:
        yield "parity: ", manifest["parity"], _PARITY
    if manifest.get("conditioning") is not None:
        yield "conditioning: ", manifest["conditioning"], CONDITIONING_FIELDS
    yield "spec: ", manifest["spec"], _SPEC
    for timeframe in manifest["spec"].get("timeframes") or ():
        yield "spec: timeframes: ", timeframe, {"name": TEXT, "seconds": whole(1, 2**40)}
    of_stream = manifest.get("stream") or []
    listed = [("parts", manifest["parts"]), ("stream", of_stream)]
    for where, part in ((f"{key}[{number}]: ", part) for key, parts in listed for number, part in enumerate(parts)):
        yield where, part, _PART
        for side in ("inputs", "outputs"):
            yield from ((f"{where}{side}: ", port, _PORT) for port in part[side])
        if part.get("solver") is not None:
            yield f"{where}solver: ", part["solver"], SOLVER_FIELDS
        if part.get("package") is not None or part["runtime"] == "torch-aot":
            if not ANYTHING.holds(part.get("package")):
                raise ManifestError(f"{where}package is missing")
            yield f"{where}package: ", part["package"], _PACKAGE
        if part.get("plan") is not None:
            yield f"{where}plan: ", part["plan"], {"profile": ANYTHING, "refit": maybe(FLAG)}
            yield f"{where}plan: profile: ", part["plan"]["profile"], _PROFILE


def _faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Entries of which each may be right, and that contradict each other."""
    horizons, levels = manifest["horizons"], manifest["quantile_levels"]
    if len(set(horizons)) < len(horizons):
        yield f"horizons has one twice: {_shown(horizons)}"
    if not all(0 < level < 1 for level in levels) or sorted(set(levels)) != levels:
        yield "quantile_levels has to ascend between 0 and 1"
    ports = {side: {port["name"]: port for port in manifest[side]} for side in ("inputs", "outputs")}
    if any(len(ports[side]) < len(manifest[side]) for side in ports):
        yield "inputs or outputs has a name twice"
    if set(ports["outputs"]) != {"samples", "quantiles"}:
        yield f"outputs has to be samples and quantiles, not {', '.join(map(ascii, ports['outputs']))}"
        return
    targets = len(manifest["spec"]["targets"])
    wanted = {
        "samples": ["windows", "samples", len(horizons), targets],
        "quantiles": ["windows", len(levels), len(horizons), targets],
    }
    for name, shape in wanted.items():
        seen = {**ports["inputs"], **ports["outputs"]}.get(name, {}).get("shape")
        if seen != shape:
            yield f"{name} has the shape {_shown(seen)}; by the manifest's other entries it is {shape}"
    # What is known ahead stands after the columns, and that of the bars to come by itself.
    listed = manifest["spec"].get("known", [])
    if not isinstance(listed, list):
        yield f"spec: known has to be a list, not {_shown(listed)}"
        return
    known = len(listed)
    for name, port in ports["inputs"].items():
        shape = port["shape"]
        columns = known if name == "values_known" else len(manifest["spec"]["columns"]) + known
        rank = {"values": 3, "times": 2}.get(name.partition("_")[0], 0)
        if name not in NOISE and (
            len(shape) != rank or (rank == 3 and shape[2] != columns) or isinstance(shape[1], str)
        ):
            yield f"the input {name!r} has the shape {_shown(shape)}, which does not fit {columns} columns"
    if fault := next(_noise_faults(manifest, ports["inputs"]), None):
        yield fault
        return
    yield from conditioning_faults(manifest)
    yield from _flow_faults(manifest, ports)
    yield from stream_faults(manifest, ports["inputs"])


def _noise_faults(manifest: Mapping[str, Any], inputs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Noise of another shape than runtimes draw."""
    shapes = {name: inputs[name]["shape"] for name in NOISE if name in inputs}
    wanted = {
        "noise": ["windows", "samples", None, len(manifest["spec"]["targets"])],
        "draws": ["windows", None, "samples", *manifest["latent_shape"]],
    }
    if "noise" not in shapes:
        yield "inputs lacks noise"
    for name, shape in shapes.items():
        free = wanted[name].index(None)
        sizes = [*shape[:free], None, *shape[free + 1 :]]
        if sizes != wanted[name] or not isinstance(shape[free], int):
            what = ", ".join("a number" if size is None else str(size) for size in wanted[name])
            yield f"{name} has the shape {_shown(shape)}; by the manifest's other entries it is [{what}]"


def _flow_faults(manifest: Mapping[str, Any], ports: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a fault for each input of a part that no part before it, nor the caller, gives in that type and shape."""
    known: dict[str, Any] = dict(ports["inputs"])
    for part in manifest["parts"]:
        if part["graph"] not in manifest["files"]:
            yield f"parts names the graph {part['graph']!r}, which is not one of its files"
        solver = part.get("solver")
        for port in part["inputs"]:
            if solver is not None and port["name"] in ("z", "t"):
                continue
            if not _fits(known.get(port["name"]), port):
                yield f"{part['name']!r} takes {port['name']!r}, which nothing before it makes in that shape"
        known |= {port["name"]: port for port in part["outputs"]}
        if solver is not None:
            draws = ports["inputs"].get("draws", {"shape": [0, 0]})["shape"][1]
            yield from solver_faults(solver, 1 + draws, tuple(ports["inputs"]["noise"]["shape"][2:]))
            shape = ["windows", "samples", *manifest["latent_shape"]]
            known["latents"] = {"dtype": "float32", "shape": shape}
    for name, port in ports["outputs"].items():
        if not _fits(known.get(name), port):
            yield f"no part makes the output {name!r} in the shape {port['shape']}"


def _fits(made: Mapping[str, Any] | None, taken: Mapping[str, Any]) -> bool:
    """The same type, and the same sizes where they are numbers; names, of dynamic ones, may differ."""
    if made is None or made["dtype"] != taken["dtype"] or len(made["shape"]) != len(taken["shape"]):
        return False
    pairs = zip(made["shape"], taken["shape"], strict=True)
    return all(one == other for one, other in pairs if isinstance(one, int) and isinstance(other, int))
