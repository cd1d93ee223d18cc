"""A batch: what a serial run gives, nothing lost with a process, and what cannot be forecast is listed."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.batch.parts import find_parts
from sssd_registry.batch.pool import run_parts
from sssd_registry.batch.work import Job, forecast_part
from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.spec import resolve
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.forecast import Forecast
from sssd_registry.horizons import dated_forecast

pytest.importorskip("onnxruntime", reason="the export extra is not installed")
ENGINE = Path(__file__).parents[1] / "golden" / "engine"
PARTS = 4


@pytest.fixture
def parts(tiny_frame: pd.DataFrame, tmp_path: Path) -> Path:
    """Four files of different rows, as a pattern."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(PARTS):
        frame = tiny_frame.iloc[: 300 + 50 * number]
        frame.to_parquet(folder / f"part.{number}.parquet") if number else frame.to_csv(folder / "first.csv.gz")
    return folder / "*"


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "left_out.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_batch_gives_what_a_serial_run_gives_and_goes_on(parts: Path, tmp_path: Path) -> None:
    out, one = tmp_path / "out", tmp_path / "one.parquet"
    common = ["forecast", ENGINE, parts, "--out", out, "--samples", 8, "--workers", 2]
    outcome = sssd(*common)
    assert outcome.code == 0, outcome.err
    assert f"{PARTS} parts and {PARTS} series forecast, 0 left out" in outcome.out
    names = ["first.csv", "part.1.parquet", "part.2.parquet", "part.3.parquet"]
    assert sorted(path.name for path in out.iterdir()) == ["batch.json", *names[:1], "left_out.csv", *names[1:]]
    assert listed(out) == []
    for name in names[1:]:
        assert sssd("forecast", ENGINE, parts.parent / name, "--samples", 8, "--out", one).code == 0
        pd.testing.assert_frame_equal(pd.read_parquet(out / name), pd.read_parquet(one), check_exact=True)
    before = {name: (out / name).stat().st_mtime_ns for name in names}
    (out / names[2]).unlink()
    again = sssd(*common)
    assert "3 of them forecast already" in again.err
    assert [name for name in names if (out / name).stat().st_mtime_ns != before[name]] == [names[2]]
    refused = error_line(sssd("forecast", ENGINE, parts, "--out", out, "--samples", 9))
    assert "another model or other options" in refused


def test_a_bad_part_is_listed_and_the_rest_is_done(parts: Path, tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    out, bad = tmp_path / "out", parts.parent / "bad.csv"
    bad.write_text("time,open,high,low,close,volume\nnever,1,1,1,1,1\n")
    common = ["forecast", ENGINE, parts, "--out", out, "--samples", 8, "--workers", 1]
    outcome = sssd(*common)
    assert outcome.code == 2
    assert "error: 1 of 5 parts have no forecast, the first bad.csv: " in outcome.err
    assert [(row["part"], row["series"]) for row in listed(out)] == [("bad.csv", "")]
    assert len(list(out.glob("part.*.parquet"))) == 3
    tiny_frame.to_csv(bad, index=False)
    assert sssd(*common).code == 0
    assert listed(out) == []


class Last:
    """A forecaster of the last value."""

    num_samples, random_walk_window, test_start = 2, 12, 0

    def __init__(self, frame: pd.DataFrame) -> None:
        config = DataConfig(id="id", horizons=(1, 2), timeframes={"1h": 24})
        self.spec = resolve(config, read_frame(frame, config))

    def __call__(self, windows: Windows, *, horizons: object, num_samples: int, seed: int) -> Forecast:
        last = windows.values["1h"][:, -1][:, list(self.spec.target_indices)]  # (B, C)
        samples = np.broadcast_to(last[:, None, None], (len(last), num_samples, 2, last.shape[1]))
        return dated_forecast(samples, windows, self.spec, [1.0, 2.0])


def test_a_series_that_cannot_be_forecast_is_listed(tiny_frame: pd.DataFrame, tmp_path: Path) -> None:
    whole = pd.concat([tiny_frame.assign(id="whole"), tiny_frame.assign(id="also")], ignore_index=True)
    short = pd.concat([whole, tiny_frame.head(9).assign(id="short")], ignore_index=True)
    short.to_parquet(tmp_path / "part.parquet")
    job = Job(ENGINE, None, None, None, 2, 0, False)
    done = forecast_part(Last(whole), job, tmp_path / "part.parquet", tmp_path / "made.csv")
    assert done.series == 2
    assert [(one.series, one.reason) for one in done.left_out] == [("short", "too few bars: 9")]
    assert set(pd.read_csv(tmp_path / "made.csv")["id"]) == {"whole", "also"}


def test_a_killed_process_loses_nothing(parts: Path, tmp_path: Path) -> None:
    found = find_parts(parts, tmp_path)
    job = Job(ENGINE, None, None, None, 8, 0, False)
    done = []
    for one in run_parts(job, found, 2):
        if not done:
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)
        done.append(one)
    assert sorted(one.part for one in done) == sorted(found)
    assert all(one.series == 1 and target.exists() for one, target in zip(done, found.values(), strict=True))


@pytest.mark.filterwarnings("ignore")  # Ray warns of its own deprecations, and leaves sockets open
def test_ray_gives_the_same(parts: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the scale extra is not installed")
    bad = parts.parent / "bad.csv"
    bad.write_text("time,open,high,low,close,volume\nnever,1,1,1,1,1\n")
    common = ["forecast", ENGINE, parts, "--samples", 8, "--workers", 2]
    for engine in ("processes", "ray"):
        assert sssd(*common, "--out", tmp_path / engine, "--engine", engine).code == 2
        assert [(row["part"], row["series"]) for row in listed(tmp_path / engine)] == [("bad.csv", "")]
    names = [path.name for path in sorted((tmp_path / "processes").iterdir())]
    assert names == [path.name for path in sorted((tmp_path / "ray").iterdir())]
    for name in names:
        if name != "left_out.csv":  # the reason names the part as it was given
            assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()


def test_parts_have_a_name_each(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv.gz", "b.parquet"):
        (tmp_path / name).touch()
    found = find_parts(tmp_path / "*", Path("out"))
    assert [target.name for target in found.values()] == ["a.csv", "b.csv", "b.parquet"]
    (tmp_path / "a.txt").touch()
    with pytest.raises(SSSDError, match=r"would both be out/a\.csv"):
        find_parts(tmp_path / "*", Path("out"))
    with pytest.raises(SSSDError, match="no file fits"):
        find_parts(tmp_path / "*.pq", Path("out"))


def test_refusals(parts: Path, tiny_csv: Path, tmp_path: Path) -> None:
    assert "name a folder with --out" in error_line(sssd("forecast", ENGINE, parts))
    assert "--workers and --engine are for many files" in error_line(sssd("forecast", ENGINE, tiny_csv, "--workers", 2))
    assert "processes or ray" in error_line(
        sssd("forecast", ENGINE, parts, "--out", tmp_path / "o", "--engine", "dask")
    )
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README").touch()
    assert "holds something else" in error_line(sssd("forecast", ENGINE, parts, "--out", mine))
