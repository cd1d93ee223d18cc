"""Commands in processes of their own, and wheels, for tests of what is installed rather than of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def finish(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in an environment without the caller's Python paths."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(part) for part in command]
    return subprocess.run(words, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False)


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Standard output of a command that has to succeed."""
    done = finish(*command, cwd=cwd, **environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_wheel(source: Path, folder: Path) -> Path:
    """The wheel of the distribution in ``source``, in the empty ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel
