"""Packs what a bare GPU machine needs into one parcel: the tree, our wheels, and those that the machine lacks.

    python benchmarks/gpu/pack.py --out runs/gpu-kit.tar --python 3.12

The machine is taken to have torch with CUDA, numpy, pandas, scipy, pluggy, typer, rich, safetensors, accelerate,
matplotlib, pytest, pytest-benchmark, onnx and ONNX Runtime's CPU build, and no registry in reach.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What it lacks. Installed there only where no such module is, but for our own.
LACKING = {
    "diffusers": "diffusers",
    "importlib_metadata": "importlib_metadata",
    "zipp": "zipp",
    "regex": "regex",
    "requests": "requests",
    "charset-normalizer": "charset_normalizer",
    "idna": "idna",
    "urllib3": "urllib3",
    "certifi": "certifi",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic_core",
    "annotated-types": "annotated_types",
    "typing-inspection": "typing_inspection",
    "narwhals": "narwhals",
    "onnx-ir": "onnx_ir",
    "onnxscript": "onnxscript",
    "hypothesis": "hypothesis",
    "sortedcontainers": "sortedcontainers",
}
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
LIMIT = 64 << 20
# Of the tree, what tests and benchmarks read.
TREE = ("tests", "benchmarks", "demo", "examples", "pyproject.toml", "constraints.txt", "docs/how-to/train.md")


def main() -> None:
    """Pack, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "runs/gpu-kit.tar")
    parser.add_argument("--python", default="3.12", help="version of the machine's Python")
    options = parser.parse_args()
    pack(options.out, options.python)
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB; there: tar xf {options.out.name}")
    print("python3 gpu-kit/benchmarks/gpu/run_parts.py --out RESULTS   # again, until no part is left")


def pack(out: Path, python: str) -> None:
    """Write the parcel.

    Raises:
        SystemExit: it is larger than what one parcel may be.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as text:
        wheels = Path(text) / "wheels"
        for project in (ROOT, ROOT / "engine"):
            _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(project))
        platforms = [part for name in PLATFORMS for part in ("--platform", name)]
        _pip("download", "--no-deps", "--only-binary=:all:", "--python-version", python, "--implementation", "cp",
             *platforms, "--constraint", str(ROOT / "constraints.txt"), "--dest", str(wheels), *LACKING)  # fmt: skip
        with tarfile.open(out, "w") as parcel:
            for name in tracked():
                parcel.add(ROOT / name, f"gpu-kit/{name}")
            parcel.add(wheels, "gpu-kit/wheels")
    if out.stat().st_size > LIMIT:
        raise SystemExit(f"{out} has {out.stat().st_size / 2**20:.1f} MiB; a parcel may have {LIMIT >> 20}")


def tracked() -> list[str]:
    """Files of the tree that go along: those that git knows, not what lies beside them."""
    listed = subprocess.run(["git", "ls-files", "-z", *TREE], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _pip(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words], check=True)


if __name__ == "__main__":
    main()
