"""Rehearses the parcel for GPU machines: unpacked into a fresh environment with just what such a machine has.

    python benchmarks/gpu/rehearse.py --out runs/gpu-rehearsal

The CPU takes the GPU's place. Of the benchmarks the smallest workload is run; tests that need a GPU are collected, and
skip. The environment has links to the packages installed here, and no others.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parent))

from pack import LACKING, pack

# What the machine has, each with what it needs; `triton` and the libraries of CUDA are of no use here.
ASSUMED = ("torch", "numpy", "pandas", "scipy", "pluggy", "typer", "rich", "safetensors", "accelerate", "matplotlib",
           "pytest", "pytest-benchmark", "onnx", "onnxruntime", "pip")  # fmt: skip
PARTS = ("tests", "C")


def main() -> int:
    """Rehearse; returns 0 if all parts passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for results")
    parser.add_argument("--patience", default="3", help="times as long as a GPU machine may take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        parcel, python = place / "gpu-kit.tar", environment(place / "environment")
        pack(parcel, f"{sys.version_info.major}.{sys.version_info.minor}")
        with tarfile.open(parcel) as packed:
            packed.extractall(place, filter="data")
        kit = place / "gpu-kit/benchmarks/gpu/run_parts.py"
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        words = ["--out", str(options.out), "--minutes", "60", "--patience", options.patience, "--stand-in", "cpu"]
        subprocess.run([str(python), str(kit), *words, *PARTS], env=clean, check=False)
    failed = [part for part in PARTS if '"ended": "passed"' not in _told(options.out / f"{part}.json")]
    print(f"not passed: {', '.join(failed)}; see {options.out}" if failed else "rehearsed")
    return 1 if failed else 0


def environment(place: Path) -> Path:
    """Make an environment that has the assumed packages and nothing else; returns its Python.

    Raises:
        SystemExit: it has one that such a machine lacks.
    """
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin/python"
    site = next((place / "lib").glob("python*/site-packages"))
    for name in needed(ASSUMED):
        files = distribution(name).files or []
        for top in sorted({file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}):
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(distribution(name).locate_file(top))).resolve())
    lacks = f"import importlib.util as u; print(*[n for n in {list(LACKING.values())} if u.find_spec(n)])"
    found = subprocess.run([str(python), "-c", lacks], capture_output=True, text=True, check=True).stdout.strip()
    if found:
        raise SystemExit(f"the rehearsal's environment has {found}, which a bare machine lacks")
    return python


def needed(names: tuple[str, ...]) -> list[str]:
    """All that they need, themselves among it, of what is installed here; but nothing that a bare machine lacks."""
    found: list[str] = []
    left, lacking = list(names), {_plain(name) for name in LACKING}
    while left:
        name = _plain(left.pop())
        if name in found or name in lacking:
            continue
        try:
            wanted = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:
            continue  # for another system, or an older Python
        found.append(name)
        left += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _told(file: Path) -> str:
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
