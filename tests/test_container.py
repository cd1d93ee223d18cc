"""The container file, run without Docker: what it installs, copies and starts, in a folder in the place of its root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FILE = ROOT / "examples" / "container" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its words, comments and line breaks taken away."""
    lines = [line for line in FILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(kind, " ".join(rest.split())) for kind, _, rest in (line.partition(" ") for line in text.splitlines())]


def of(kind: str) -> list[str]:
    return [rest for name, rest in instructions() if name == kind]


def test_it_holds_the_engine_and_no_more_rights_than_it_needs() -> None:
    order = [kind for kind, _ in instructions()]
    assert order[0] == "FROM"
    assert of("FROM")[0].startswith("debian:")
    assert of("USER") == ["forecaster"]
    assert order.index("USER") < order.index("CMD")
    assert "useradd --system" in " ".join(of("RUN"))
    assert not re.search(r"torch|sssd-registry|diffusers", " ".join(of("RUN")))
    for copied in of("COPY"):
        source = copied.split()[0]
        assert source == "${ENGINE}" or (ROOT / source).exists()
    assert (ROOT / "engine" / "pyproject.toml").is_file()


@pytest.mark.slow
def test_its_commands_serve_an_engine(tiny_engine: Path, tmp_path: Path) -> None:
    """All but Debian's own packages and the user, which need a root of their own."""
    from sssd_engine import load_engine
    from sssd_export.inspection import plain_windows

    place, port = tmp_path / "opt", free_port()

    def here(text: str) -> str:
        text = text.replace("/opt/", f"{place}/").replace("8000", str(port)).replace("0.0.0.0", "127.0.0.1")
        return re.sub(r"^python3\b", sys.executable, text)

    for kind, rest in instructions():
        if kind == "COPY":
            source, target = rest.replace("${ENGINE}", str(tiny_engine)).split()
            source, target = ROOT / source, Path(here(target))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        if kind == "RUN" and not rest.startswith(("apt-get", "useradd")):
            subprocess.run(shlex.split(here(rest)), check=True, capture_output=True, cwd=tmp_path)
    bare = {"PATH": os.environ["PATH"]}
    health = [here(word) for word in json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])]
    assert subprocess.run(health, env=bare, capture_output=True, check=False).returncode != 0, "nothing runs yet"
    command = [here(word) for word in json.loads(of("CMD")[0])]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=bare, cwd="/", stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while subprocess.run(health, env=bare, capture_output=True, check=False).returncode != 0:
            assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
            assert time.monotonic() < end
        with load_engine(tiny_engine) as engine:
            windows = plain_windows(engine, 2)
            expected = engine(windows, 8, seed=3).quantiles
        body = json.dumps({**{name: array.tolist() for name, array in windows.items()}, "num_samples": 8, "seed": 3})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body.encode()) as answer:
            seen = json.loads(answer.read())["quantiles"]
        np.testing.assert_allclose(seen, expected, rtol=1e-6)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, "it ends when it is told to"
    assert subprocess.run(health, env=bare, capture_output=True, check=False).returncode != 0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
