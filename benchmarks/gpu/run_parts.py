"""Runs the parcel's tests and benchmarks on a GPU machine, in parts; each part's result is kept when it is over.

    python3 gpu-kit/benchmarks/gpu/run_parts.py --out RESULTS
    python3 gpu-kit/benchmarks/gpu/run_parts.py --out RESULTS B C   # these only

A call takes at most ``--minutes``. It begins no part that it may not end, so that calls are repeated until none is
left; a part with a result in RESULTS is not run again. Only the standard library: it installs the rest, and changes
nothing but a folder of the parcel.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
# Minutes that a part may take; 25 in all.
PARTS = {"tests": 9.0, "A": 5.0, "B": 5.0, "C": 3.0, "D": 3.0}
_MARK = re.compile(r"^@pytest\.mark\.gpu$", re.MULTILINE)
_OURS = ("sssd_registry", "sssd_engine")


def main() -> int:
    """Run the parts that are left; returns 0 if each has a result now."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for results")
    parser.add_argument("--minutes", type=float, default=9.5, help="that this call may take")
    parser.add_argument("--patience", type=float, default=1.0, help="times as long as a part takes on a GPU machine")
    parser.add_argument("--stand-in", choices=["cpu"], help="rehearse: what takes the GPU's place")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    options = parser.parse_args()
    end, longest = time.monotonic() + 60 * options.minutes, {name: 60 * each for name, each in PARTS.items()}
    options.out.mkdir(parents=True, exist_ok=True)
    install()
    left = [name for name in options.parts or PARTS if not (options.out / f"{name}.json").exists()]
    for name in left:
        whole = options.patience * longest[name]
        seconds = min(whole, end - time.monotonic())
        if seconds < whole and name != left[0]:
            print(f"{name}: for the next call")
            continue
        result = run(name, options.out.resolve(), seconds, options.stand_in)
        write(options.out / f"{name}.json", result)
        print(f"{name}: {result['ended']} after {result['seconds']:.0f} s")
    missing = [name for name in PARTS if not (options.out / f"{name}.json").exists()]
    print(f"left: {', '.join(missing)}" if missing else "each part has a result")
    return 1 if missing else 0


def install() -> None:
    """Put wheels whose modules are not there, and our own, into a folder of the parcel."""
    if SITE.exists():
        return
    wheels = sorted((ROOT / "wheels").glob("*.whl"))
    wanted = [wheel for wheel in wheels if _module(wheel) in _OURS or not importlib.util.find_spec(_module(wheel))]
    taken = [str(wheel) for wheel in wanted]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(SITE), *taken], check=True)
    print("installed:", ", ".join(sorted(map(_module, wanted))))


def _module(wheel: Path) -> str:
    return wheel.name.split("-")[0]


def run(name: str, out: Path, seconds: float, stand_in: str | None) -> dict[str, Any]:
    """Run a part for at most so long; what it wrote until then is kept beside its result."""
    environment = {**os.environ, "PYTHONPATH": str(SITE), "PYTHONUNBUFFERED": "1"}
    if stand_in:
        environment["SSSD_GPU_STAND_IN"] = stand_in
    begun = time.monotonic()
    with (out / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command(name, out), cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            ended = {0: "passed", 1: "failed"}.get(process.wait(seconds), "broken")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the part's own processes, and no others
            process.wait()
            ended = "out of time"
    found = measured()
    if ended == "passed" and name != "tests" and f"GPU, workload {name}" not in found:
        ended = "measured nothing"  # skipped, that is
    tail = (out / f"{name}.log").read_text(errors="replace").splitlines()[-1:]
    return {"part": name, "ended": ended, "seconds": time.monotonic() - begun, "told": tail, "measured": found}


def command(name: str, out: Path) -> list[str]:
    """Return a part's command. Warnings are no errors there: versions are the machine's own."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "default", "-q", "-rs", *words(name, out)]


def words(name: str, out: Path) -> list[str]:
    """Arguments of pytest for a part."""
    if name != "tests":
        return ["benchmarks/test_gpu.py", "-k", f"[{name}]", "--benchmark-enable", "--benchmark-only"]
    # Only files that have such tests: others may import what is not here.
    files = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "tests").rglob("test_*.py"))
             if _MARK.search(file.read_text(encoding="utf-8"))]  # fmt: skip
    return ["-m", "gpu", f"--junitxml={out / 'tests.xml'}", *files]


def measured() -> dict[str, Any]:
    """Measurements of the GPU so far, as benchmarks write them."""
    file = ROOT / "runs/bench.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    return {name: entry for name, entry in found.items() if name.startswith("GPU, ")}


def write(file: Path, result: dict[str, Any]) -> None:
    """Write a part's result, whole or not at all."""
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(result, indent=1))
    draft.replace(file)


if __name__ == "__main__":
    sys.exit(main())
