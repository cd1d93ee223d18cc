"""Checks of what an engine keeps to be given a part of the future. Runtime half: the standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sssd_engine.fields import COUNT, FILE, NUMBER, each

# The correlation's file and its arrays' shapes, one after the other, and margins of bounds, lower and upper.
CONDITIONING_FIELDS = {"file": FILE, "shapes": each(each(COUNT, 2, 3), 1, 2), "margins": each(each(NUMBER), 2, 2)}


def conditioning_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the entry does not fit the others."""
    entry = manifest.get("conditioning")
    if entry is None:
        return
    horizons, targets = len(manifest["horizons"]), len(manifest["spec"]["targets"])
    if entry["file"] not in manifest["files"]:
        yield f"conditioning names {entry['file']!r}, which is not one of its files"
    shapes = entry["shapes"]
    joint = len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][0] == horizons * targets
    apart = (
        len(shapes) == 2
        and len(shapes[0]) == 3
        and shapes[0][0] in (1, targets)
        and shapes[0][1] == horizons
        and shapes[1] == [targets, targets]
    )
    if not joint and not apart:
        yield f"conditioning has arrays of {shapes!r:.60}, which are of no correlation of {horizons} × {targets}"
    if [len(row) for row in entry["margins"]] != [targets, targets]:
        yield "conditioning: margins has to be two numbers for each target"
