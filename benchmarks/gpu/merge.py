"""Puts what came back from a GPU machine among the measurements, from which `make readme` makes tables; and shows it.

python benchmarks/gpu/merge.py RESULTS
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))


def main() -> None:
    """Merge, and print the table and how each part ended."""
    from readme import gpu_table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--into", type=Path, default=ROOT / "runs/bench.json")
    options = parser.parse_args()
    parts = read(options.results)
    found = merged(parts)
    before = json.loads(options.into.read_text()) if options.into.exists() else {}
    options.into.parent.mkdir(exist_ok=True)
    options.into.write_text(json.dumps(before | found, indent=1))
    for part in parts:
        print(f"{part['part']}: {part['ended']} after {part['seconds']:.0f} s; {' '.join(part['told'])}")
    print(gpu_table(found))


def read(results: Path) -> list[dict[str, Any]]:
    """Results of the parts, in the order in which they ended.

    Raises:
        SystemExit: there are none.
    """
    files = sorted(results.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    if not files:
        raise SystemExit(f"{results} has no results: run_parts.py writes them")
    return [json.loads(file.read_text()) for file in files]


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Measurements of all parts, those made on a GPU only: a rehearsal's are of the CPU.

    Raises:
        SystemExit: they are a rehearsal's.
    """
    found: dict[str, Any] = {}
    for part in parts:
        found |= part["measured"]
    if any(entry.get("device") == "cpu" for entry in found.values()):
        raise SystemExit("these are a rehearsal's, with the CPU in the GPU's place: nothing is kept of them")
    return found


if __name__ == "__main__":
    main()
