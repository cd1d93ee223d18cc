"""Packed files are unpacked as far as a machine can hold them: a bomb is refused before it goes off."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cli_runner import error_line, sssd

from sssd_registry.data import unpacking
from sssd_registry.data.frame import read_frame
from sssd_registry.errors import SSSDError

LIMIT = 2**20
BOMB = 64 * LIMIT


def tarred(data: bytes, names: tuple[str, ...] = ("x.csv",)) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        file.writestr("x.csv", data)
    return out.getvalue()


def lying(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip that says it holds 100 bytes."""
    packed = zipped(data, method)
    return packed.replace(len(data).to_bytes(4, "little"), (100).to_bytes(4, "little"))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "x.csv.gz": gzip.compress,
    "x.CSV.GZ": gzip.compress,
    "x.csv.bz2": bz2.compress,
    "x.csv.xz": lzma.compress,
    "x.csv.zip": zipped,
    "x.zip": zipped,
    "x.tar": tarred,
    "x.tar.gz": lambda data: gzip.compress(tarred(data)),
    "x.tar.bz2": lambda data: bz2.compress(tarred(data)),
    "x.tar.xz": lambda data: lzma.compress(tarred(data)),
}
OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "bz2.zip": lambda data: zipped(data, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda data: zipped(data, zipfile.ZIP_LZMA),
    "lie.zip": lying,
    "two.tar.gz": lambda data: gzip.compress(tarred(data, ("x.csv", "y.csv"))),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that holds a megabyte."""
    monkeypatch.setattr(unpacking, "MOST", LIMIT)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", [*PACKERS, *OTHERS])
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes({**PACKERS, **OTHERS}[name](b"0" * BOMB))
    tracemalloc.start()
    try:
        with pytest.raises(SSSDError) as refused:
            read_frame(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < BOMB / 4, peak
    if not name.startswith("lie"):  # what it says of its size is all that is read of it
        assert f"bytes on disk unpack to more than {LIMIT:,}" in str(refused.value)
        assert "unpack it and give the file that is in it" in str(refused.value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", [*PACKERS, "bz2.zip", "lzma.zip"])
def test_what_is_no_bomb_is_read(name: str, tmp_path: Path, tiny_frame: pd.DataFrame) -> None:
    text = tiny_frame.to_csv(index=False).encode()
    (tmp_path / "plain.csv").write_bytes(text)
    path = tmp_path / name
    path.write_bytes({**PACKERS, **OTHERS}[name](text))
    right = read_frame(tmp_path / "plain.csv")
    pd.testing.assert_frame_equal(read_frame(path), right)


def test_the_limit_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_frame: pd.DataFrame) -> None:
    text = tiny_frame.to_csv(index=False).encode()
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(text))
    monkeypatch.setattr(unpacking, "MOST", len(text))
    assert len(read_frame(path)) == len(tiny_frame)
    monkeypatch.setattr(unpacking, "MOST", len(text) - 1)
    with pytest.raises(SSSDError, match="unpack to more than"):
        read_frame(path)


def test_the_limit_is_of_the_machine() -> None:
    assert 2**26 < unpacking.most_bytes() <= unpacking.MOST == 2**31


@pytest.mark.usefixtures("small")
def test_a_plain_file_has_no_limit(tmp_path: Path) -> None:
    times = pd.date_range("2020", periods=60_000, freq="h")
    path = tmp_path / "x.csv"
    pd.DataFrame({"time": times, "y": range(len(times))}).to_csv(path, index=False)
    assert path.stat().st_size > LIMIT
    assert len(read_frame(path)) == len(times)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.bz2", "x.csv.xz", "x.zip", "x.tar", "x.tar.gz", "x.csv.zst"])
def test_damaged_ones_are_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"no archive at all")
    assert str(path) in error_line(sssd("train", path, "--out", tmp_path / "model"))


@pytest.mark.usefixtures("small")
def test_several_files_in_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.tar.gz"
    path.write_bytes(gzip.compress(tarred(b"time,y\n", ("x.csv", "y.csv"))))
    with pytest.raises(SSSDError, match="Multiple files found"):
        read_frame(path)
