"""The parcel for GPU machines: parts are run one by one, each result is kept, and a rehearsal's never becomes a table.

`make gpu-rehearse` runs it for real, in an environment of its own, with the CPU in the GPU's place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks/gpu"))


@pytest.fixture
def run_parts(scripts: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with parts that are a line of Python each."""
    import run_parts as module

    monkeypatch.setattr(module, "measured", dict)
    lines = {"tests": "print('3 passed')", "A": "raise SystemExit(1)", "B": "import time; time.sleep(60)", "C": ""}
    monkeypatch.setattr(module, "PARTS", {"tests": 1.0, "A": 1.0, "B": 0.02, "C": 1.0})
    monkeypatch.setattr(module, "install", lambda: None)
    monkeypatch.setattr(module, "command", lambda name, out: [sys.executable, "-c", lines[name]])
    return module


def call(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["run_parts.py", *map(str, words)])
    code: int = module.main()
    return code


def test_each_part_leaves_a_result_whatever_becomes_of_it(
    run_parts: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(run_parts, monkeypatch, "--out", tmp_path, "tests") == 1
    assert "left: A, B, C" in capsys.readouterr().out
    assert call(run_parts, monkeypatch, "--out", tmp_path) == 0
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("tests", "A", "B", "C")}
    assert [result["ended"] for result in results.values()] == ["passed", "failed", "out of time", "measured nothing"]
    assert results["tests"]["told"] == ["3 passed"]
    capsys.readouterr()
    assert call(run_parts, monkeypatch, "--out", tmp_path) == 0
    assert capsys.readouterr().out == "each part has a result\n"


def test_no_part_is_begun_that_may_not_end(
    run_parts: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(run_parts, monkeypatch, "--out", tmp_path, "--minutes", 1, "tests", "A") == 1
    assert "A: for the next call" in capsys.readouterr().out
    assert not (tmp_path / "A.json").exists()


def test_all_tests_that_need_a_gpu_are_among_the_parts(scripts: None) -> None:
    import run_parts

    named = set(run_parts.words("tests", Path())[3:])
    marked = {str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")
              if "\n@pytest.mark.gpu\n" in file.read_text()}  # fmt: skip
    assert len(marked) >= 5
    assert named == marked
    assert sum(run_parts.PARTS.values()) <= 25
    assert max(run_parts.PARTS.values()) <= 10


def entry(device: str) -> dict[str, Any]:
    rows = {"DDIM-50, diffusers, eager": {"ms": 50.0}, "tensorrt fp16": {"ms": 2.5}}
    return {"title": "reference sizes, one window", "device": device, "best": "tensorrt fp16", "rows": rows,
            "goal": 10.0, "windows per second": 400.0, "reached": {"DDIM-50, diffusers, eager": 20.0}}  # fmt: skip


@pytest.mark.parametrize("device", ["NVIDIA H100", "cpu"])
def test_what_came_back_becomes_the_table(
    scripts: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], device: str
) -> None:
    import merge

    results, into = tmp_path / "results", tmp_path / "bench.json"
    results.mkdir()
    into.write_text('{"runtime": 1}')
    part = {"part": "A", "ended": "passed", "seconds": 60.0, "told": ["1 passed"]}
    (results / "A.json").write_text(json.dumps({**part, "measured": {"GPU, workload A": entry(device)}}))
    monkeypatch.setattr(sys, "argv", ["merge.py", str(results), "--into", str(into)])
    if device == "cpu":
        with pytest.raises(SystemExit, match="rehearsal"):
            merge.main()
        assert into.read_text() == '{"runtime": 1}'
        return
    merge.main()
    assert set(json.loads(into.read_text())) == {"runtime", "GPU, workload A"}
    row = "| A: reference sizes, one window | tensorrt fp16 | 2.50 ms | 400.0 | 20.0× | reached |"
    assert row in capsys.readouterr().out
