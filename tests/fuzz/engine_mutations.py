"""Damage to an engine folder, drawn from a seed: bits that turn, files cut short, entries of another type."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sssd_engine.manifest import MANIFEST, _digest, sha256

Mutation = Callable[[random.Random, Path], str]
DEEP: list[Any] = []
for _ in range(60):
    DEEP = [DEEP]
# In the place of any entry.
VALUES: list[Any] = [
    None, "", "text", "12", "../model.onnx", "/etc/hostname", "a\x00b", "\ud800", "x" * 20_000, [], {}, [[]], [None],
    {"a": 1}, True, False, 0, 1, -1, 2, 7, 3.5, -0.0, 1e308, float("nan"), float("inf"), -float("inf"), 2**31, 2**63,
    10**12, 10**30, -(10**30), DEEP,
]  # fmt: skip


def flip_bits(rng: random.Random, folder: Path) -> str:
    """Turn one to four bits of a file, and leave the hashes."""
    file = rng.choice(sorted(folder.iterdir()))
    content = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 4)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    return f"bits of {file.name}"


def cut(rng: random.Random, folder: Path) -> str:
    """Cut a file short, or lengthen it, and leave the hashes."""
    file = rng.choice(sorted(folder.iterdir()))
    content = file.read_bytes()
    longer = content + rng.randbytes(rng.randint(1, 100))
    file.write_bytes(rng.choice([content[: rng.randrange(len(content))], b"", longer]))
    return f"length of {file.name}"


def change_entry(rng: random.Random, folder: Path) -> str:
    """Another value in the place of an entry, and leave the manifest's hash."""
    return _change(rng, folder, fitting=False)


def sign_entry(rng: random.Random, folder: Path) -> str:
    """Another value in the place of an entry, and a hash that fits."""
    return _change(rng, folder, fitting=True)


def sign_file(rng: random.Random, folder: Path) -> str:
    """Turn bits of a graph, cut it, or put another file in its place, and sign it again."""
    graphs = [file for file in sorted(folder.iterdir()) if file.name != MANIFEST]
    file = rng.choice(graphs)
    content = bytearray(file.read_bytes())
    how = rng.choice(["flip", "cut", "junk"])
    if how == "flip":
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    made = {"flip": bytes(content), "cut": bytes(content[: rng.randrange(len(content))]), "junk": rng.randbytes(99)}
    file.write_bytes(made[how])
    entries = json.loads((folder / MANIFEST).read_text())
    entries["files"][file.name] = sha256(file)
    sign(folder, entries)
    return f"{how} of {file.name}, signed again"


def link(rng: random.Random, folder: Path) -> str:
    """A link in the place of a file."""
    file = rng.choice(sorted(folder.iterdir()))
    other = folder.parent / f"{file.name}.elsewhere"
    file.rename(other)
    file.symlink_to(other)
    return f"{file.name} a link"


def _change(rng: random.Random, folder: Path, fitting: bool) -> str:
    text = json.loads((folder / MANIFEST).read_text())
    places = list(_places(text))
    holder, key, name = rng.choice(places)
    how = rng.choice(["put", "put", "put", "remove", "swap", "nudge"])
    if how == "remove":
        del holder[key]
    elif how == "swap":
        other, another, _ = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[another]))
    elif how == "nudge" and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] += rng.choice([-1, 1, 0.5, 10])
    else:
        holder[key] = rng.choice(VALUES)
    if fitting:
        sign(folder, text)
    else:
        (folder / MANIFEST).write_text(json.dumps(text))
    return f"{how} {name}{', signed again' if fitting else ''}"


def sign(folder: Path, entries: dict[str, Any]) -> None:
    """Write a manifest with the hash that fits it."""
    entries.pop("sha256", None)
    (folder / MANIFEST).write_text(json.dumps({**entries, "sha256": _digest(entries)}))


def _places(value: Any, name: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every entry at every depth: what holds it, by which key, and its name."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        where = f"{name}.{key}" if name else str(key)
        if where != "sha256":
            yield value, key, where
        yield from _places(entry, where)
