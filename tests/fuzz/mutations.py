"""Seeded damage to a folder of JSON and safetensors files: what disks, people, versions and mischief do to one."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

Random = np.random.Generator
_HUGE = [10**9, 10**12, 2**63 - 1, 2**63, 10**30, 10**400, -1, -(10**9), 0, 1, 2, 3, 7]
_FLOATS = [0.5, -0.5, 1e308, 1e-308, 5e-324, float("nan"), float("inf"), float("-inf")]
_TEXTS = ["", "24", "x", "\ud800", "\0", "../..", "/etc/passwd", "a" * 100_000, "true", "\x1b[31mred", "1e9"]
_OTHERS: list[Any] = [None, True, False, [], {}, [1], ["x"], [[[]]], {"a": 1}, [None], [1e9] * 3]


def mutate(folder: Path, random: Random) -> str:
    """Change one thing in ``folder``; what it was is returned, for a message."""
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    name = str(random.choice(files))
    file = folder / name
    kinds = [_bytes, _whole]
    kinds += 4 * [_json] if name.endswith(".json") else 3 * [_tensors]
    kind = kinds[random.integers(len(kinds))]
    return f"{name}: {kind(file, random)}"


# --- bytes ------------------------------------------------------------------------------------------------------


def _bytes(file: Path, random: Random) -> str:
    content = bytearray(file.read_bytes())
    place = int(random.integers(max(1, len(content))))
    length = int(random.integers(1, 64))
    what = str(random.choice(["bit", "bits", "cut", "zeros", "noise", "insert", "remove", "repeat", "empty", "append"]))
    if what in ("bit", "bits") and content:
        for _ in range(1 if what == "bit" else 8):
            content[random.integers(len(content))] ^= 1 << int(random.integers(8))
    elif what == "cut":
        del content[place:]
    elif what == "zeros":
        content[place : place + length] = bytes(length)
    elif what == "noise":
        content[place : place + length] = random.bytes(length)
    elif what == "insert":
        content[place:place] = random.bytes(length)
    elif what == "remove":
        del content[place : place + length]
    elif what == "repeat":
        content[place:place] = content[place : place + length]
    elif what == "empty":
        content.clear()
    else:
        content += random.bytes(length)
    file.write_bytes(content)
    return f"{what} at {place}, {length}"


# --- the file as a whole ----------------------------------------------------------------------------------------


def _whole(file: Path, random: Random) -> str:
    folder = file.parent
    others = sorted(other for other in folder.parent.rglob("*") if other.is_file() and other != file)
    what = str(random.choice(["missing", "folder", "other", "link away", "circle", "pipe", "device", "deep", "large"]))
    if what == "other":
        other = others[random.integers(len(others))]
        shutil.copy(other, file)
        return f"is {other.name}"
    content = file.read_bytes()
    file.unlink()
    if what == "folder":
        file.mkdir()
    elif what == "link away":
        outside = folder.parent.parent / "outside"
        outside.write_bytes(content)
        file.symlink_to(outside)
    elif what == "circle":
        file.symlink_to(file)
    elif what == "pipe":
        os.mkfifo(file)
    elif what == "device":
        file.symlink_to("/dev/zero")
    elif what == "deep":
        file.write_text("[" * 100_000)
    elif what == "large":
        with file.open("wb") as stream:
            stream.truncate(1 << 36)  # sparse
    return what


# --- JSON -------------------------------------------------------------------------------------------------------


def _json(file: Path, random: Random) -> str:
    try:
        tree = json.loads(file.read_text())
    except ValueError:
        return _bytes(file, random)
    holders = list(_holders(tree, ""))
    path, holder, key = holders[random.integers(len(holders))]
    what = str(random.choice(["number", "remove", "rename", "twice", "longer", "swap", "add", *["value"] * 3]))
    old = holder[key]
    if what == "number" and isinstance(old, int | float) and not isinstance(old, bool):
        holder[key] = type(old)(old * random.choice([-1, 2, 10, 0.5, 1.001])) + type(old)(random.integers(2))
    elif what == "remove":
        del holder[key]
    elif what == "rename" and isinstance(holder, dict):
        holder[str(key) + "_"] = holder.pop(key)
    elif what == "twice" and isinstance(holder, dict):
        text = json.dumps(tree, indent=1)
        entry = f"{json.dumps(str(key))}: "
        file.write_text(text.replace(entry, entry + json.dumps(_value(random)).replace("NaN", "1") + ", " + entry, 1))
        return f"{path} twice"
    elif what == "longer" and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[: int(random.integers(1, 4))]))
    elif what == "swap":
        _, other, name = holders[random.integers(len(holders))]
        holder[key] = copy.deepcopy(other[name])
    elif what == "add" and isinstance(holder, dict):
        holder[str(random.choice(["x", "_x", "__class__", "", "sha256"]))] = _value(random)
    else:
        holder[key] = _value(random)
    file.write_text(json.dumps(tree, indent=1))
    shown = str(holder.get(key, "none") if isinstance(holder, dict) else holder)
    return f"{what} of {path}, {str(old)[:40]} -> {shown[:80]}"


def _holders(tree: Any, path: str) -> Any:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield f"{path}.{key}", tree, key
        if not (isinstance(value, list) and len(value) > 100):
            yield from _holders(value, f"{path}.{key}")
        else:  # of a thousand betas, three
            for place in (0, len(value) // 2, len(value) - 1):
                yield f"{path}.{key}.{place}", value, place


def _value(random: Random) -> Any:
    pool: list[Any] = [_HUGE, _FLOATS, _TEXTS, _OTHERS][random.integers(4)]
    return copy.deepcopy(pool[random.integers(len(pool))])


# --- tensors ----------------------------------------------------------------------------------------------------


def _tensors(file: Path, random: Random) -> str:
    try:
        arrays = load_file(file)
    except (SafetensorError, OSError):
        return _bytes(file, random)
    name = str(random.choice(sorted(arrays)))
    array = arrays[name].copy()
    changes: dict[str, Callable[[], Any]] = {
        "NaN": lambda: _filled(array, np.nan, random),
        "infinity": lambda: _filled(array, np.inf, random),
        "zero": lambda: np.zeros_like(array),
        "huge": lambda: _filled(array, 1e38, random),
        "minus": lambda: -array,
        "half": lambda: array.astype(np.float16),
        "double": lambda: array.astype(np.float64),
        "int": lambda: np.nan_to_num(array).astype(np.int64),
        "bool": lambda: array > 0,
        "flat": lambda: array.reshape(-1),
        "turned": lambda: np.ascontiguousarray(array.T),
        "empty": lambda: array.reshape(-1)[:0],
        "longer": lambda: np.concatenate([np.atleast_1d(array)] * 2),
    }
    what = str(random.choice([*changes, "all zero", "missing", "renamed", "added"]))
    if what == "all zero":
        arrays = {key: np.zeros_like(value) for key, value in arrays.items()}
    elif what == "missing":
        del arrays[name]
    elif what == "renamed":
        arrays[name + ".x"] = arrays.pop(name)
    elif what == "added":
        arrays["x"] = array
    else:
        with np.errstate(all="ignore"):
            arrays[name] = np.asarray(changes[what]())
    save_file(arrays, file)
    return f"{name} {what}"


def _filled(array: Any, value: float, random: Random) -> Any:
    if not np.issubdtype(array.dtype, np.floating):
        return np.full_like(array, np.iinfo(array.dtype).max)
    array.reshape(-1)[random.integers(max(1, array.size)) :][:1] = value
    return array
