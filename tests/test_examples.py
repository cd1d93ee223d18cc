"""The example that needs nothing of ours gives what ours gives."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "plain_onnxruntime.py"


def test_onnxruntime_alone_gives_the_engines_quantiles(tiny_engine: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from sssd_engine import load_engine
    from sssd_export.inspection import plain_windows

    engine = load_engine(tiny_engine)
    windows = plain_windows(engine, 3)
    np.savez(tmp_path / "windows.npz", **windows)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", EXAMPLE, tiny_engine, tmp_path / "windows.npz", "7"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "onnxruntime" in imported
    assert not {"torch", "sssd_export", "sssd_registry", "pandas"} & imported
    table = pd.read_csv(StringIO(done.stdout))
    shape = (engine.manifest["num_noises"], engine.manifest["num_samples"], 2, 1)
    noise = [np.random.default_rng([7, window]).standard_normal(shape, dtype=np.float32) for window in range(3)]
    expected = engine(windows, noise=np.stack(noise)).quantiles  # (B, Q, K, C)
    seen = table.filter(like="q").to_numpy().reshape(3, 2, 1, -1)
    np.testing.assert_allclose(np.moveaxis(seen, -1, 1), expected, rtol=1e-7)
    assert len(EXAMPLE.read_text().splitlines()) <= 60
