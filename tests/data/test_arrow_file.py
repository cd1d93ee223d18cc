"""Arrow files: mapped rather than read, the same frame as any other file gives, and damage to one is a line."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.training_data import training_data
from sssd_registry.errors import SSSDError

pa = pytest.importorskip("pyarrow")

ROWS = 400


def hours(missing: bool = False, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC").astype("datetime64[ns, UTC]")
    frame = pd.DataFrame({"time": times, "y": random.normal(size=rows).cumsum(), "load": random.normal(size=rows)})
    if missing:
        frame.loc[[7, 300], "y"] = np.nan
    return frame


def stream(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "plain": lambda frame, path: frame.to_feather(path, compression="uncompressed", chunksize=len(frame)),
    "batches": lambda frame, path: frame.to_feather(path, compression="uncompressed", chunksize=100),
    "compressed": lambda frame, path: frame.to_feather(path),
    "stream": stream,
}


@pytest.mark.parametrize("name", ["x.arrow", "x.feather", "X.IPC"])
@pytest.mark.parametrize("how", WRITERS)
def test_it_reads_as_the_frame_that_was_written(tmp_path: Path, how: str, name: str) -> None:
    WRITERS[how](hours(), tmp_path / name)
    read = read_frame(tmp_path / name)
    pd.testing.assert_frame_equal(read, hours())
    assert read.attrs["source"] == str(tmp_path / name)


def test_plain_numbers_stay_in_the_file(tmp_path: Path) -> None:
    """No memory of Arrow's is taken for them, and nothing of pandas' own: they cannot be written to."""
    WRITERS["plain"](hours(rows=200_000), tmp_path / "x.arrow")
    before = pa.total_allocated_bytes()
    read = read_frame(tmp_path / "x.arrow")
    assert pa.total_allocated_bytes() - before < 200_000  # of 4.8 MB
    assert not read["y"].to_numpy().flags.writeable


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("columns", [["time", "y"], ["time", "y", "load"]])
def test_what_is_made_of_it_is_what_is_made_of_a_frame(tmp_path: Path, missing: bool, columns: list[str]) -> None:
    """Nothing on the way writes into what cannot be written to: not one column alone, nor one with holes."""
    frame = hours(missing).drop(index=[50, 51])[columns]
    WRITERS["plain"](frame.reset_index(drop=True), tmp_path / "x.arrow")
    config = DataConfig(targets=("y",), horizons=(1, 6), gaps="missing" if missing else None)
    one, two = (training_data(source, config) for source in (tmp_path / "x.arrow", frame))
    assert one.spec == two.spec
    np.testing.assert_array_equal(one.source.base.values, two.source.base.values)
    np.testing.assert_array_equal(one.source.futures, two.source.futures)


def test_a_model_forecasts_from_it(tmp_path: Path, tiny_model: Path, tiny_csv: Path) -> None:
    WRITERS["plain"](pd.read_csv(tiny_csv), tmp_path / "x.arrow")
    made = []
    for data in (tiny_csv, tmp_path / "x.arrow"):
        out = tmp_path / f"{data.suffix[1:]}.csv"
        assert sssd("forecast", tiny_model, data, "--out", out, "--samples", 8, "--steps", 2).code == 0
        made.append(pd.read_csv(out))
    pd.testing.assert_frame_equal(*made)


@pytest.mark.parametrize("how", WRITERS)
def test_damage_is_one_line_or_harmless(tmp_path: Path, how: str) -> None:
    """Cut off, or with other bytes, most of them where the file says what lies where."""
    frame = hours(rows=60).assign(name=["a", "bb", "ccc"] * 20)
    WRITERS[how](frame, tmp_path / "good.arrow")
    good = (tmp_path / "good.arrow").read_bytes()
    refused = 0
    for seed in range(60):
        choose, data = random.Random(f"{how} {seed}"), bytearray(good)
        if seed % 3 == 0:
            data = data[: choose.randrange(1, len(data))]
        else:
            for _ in range(choose.randrange(1, 6)):
                data[choose.randrange(len(data)) if seed % 3 == 1 else -1 - choose.randrange(600)] = choose.randrange(
                    256
                )
        (tmp_path / "bad.arrow").write_bytes(data)
        said = refusal(tmp_path / "bad.arrow")
        refused += bool(said)
        assert "\n" not in said
        assert said.startswith(str(tmp_path / "bad.arrow") if said else "")
    assert refused >= 20


def refusal(path: Path) -> str:
    """Say why a file is refused, or nothing."""
    try:
        read_frame(path)
    except SSSDError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.arrow", b"", "is empty"),
        ("x.arrow", b"time,y\n2024-01-01,1\n", "is not readable as Arrow: "),
        ("x.feather", b"FEA1" + bytes(60), "is of Feather's first version; write it anew with to_feather"),
        ("x.csv", b"ARROW1\0\0" + bytes(60), "is not readable as CSV: it is Arrow; give it a name that ends in .arrow"),
    ],
)
def test_what_it_is_instead_is_said(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in error_line(sssd("train", tmp_path / name, "--out", tmp_path / "m"))
    assert not (tmp_path / "m").exists()


def test_parts_may_be_arrow_files(tmp_path: Path) -> None:
    from sssd_registry.batch.parts import find_parts

    WRITERS["plain"](hours(), tmp_path / "a.arrow")
    assert find_parts(tmp_path / "*.arrow", tmp_path / "out") == {tmp_path / "a.arrow": tmp_path / "out" / "a.parquet"}
