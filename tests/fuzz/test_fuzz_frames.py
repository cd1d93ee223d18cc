"""Files in every style read back as what was written; damaged ones are refused in one line, or their other rows are as
they were. SSSD_FUZZ_CASES says how many of each (default 120)."""

from __future__ import annotations

import dataclasses
import gzip
import io
import os
import random
import time as clock
import warnings
from collections.abc import Callable
from pathlib import Path

import frame_files as files
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import choose_columns
from sssd_registry.data.frame import read_frame
from sssd_registry.data.number_column import number_column
from sssd_registry.data.panel import read_panel
from sssd_registry.data.reading import reading_of
from sssd_registry.data.spec import resolve
from sssd_registry.errors import DataWarning, SSSDError

CASES = int(os.environ.get("SSSD_FUZZ_CASES", "120"))
BLOCKS = 20
SLOWEST = 10.0  # seconds


def read(path: Path) -> pd.DataFrame:
    """A frame with its value columns as float64, through all that looks at them; one line where that fails."""
    start = clock.perf_counter()
    config = DataConfig(targets="all")
    frame = read_frame(path, config)
    time = reading_of(frame).time
    columns = choose_columns(config, frame, time).used
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        if refusal(lambda: read_panel(frame, resolve(config, frame))) is None:
            assert set(resolve(config, frame).columns) == set(columns)
    assert clock.perf_counter() - start < SLOWEST
    return pd.DataFrame({"time": frame[time], **{name: number_column(frame, name) for name in columns}})


def refusal(action: Callable[[], object]) -> str | None:
    """The message where ``action`` is refused, which is one line and not long; None where it is not."""
    try:
        action()
    except SSSDError as error:
        message = str(error)
    else:
        return None
    assert "\n" not in message
    assert len(message) < 1000
    return message


def seeds(block: int) -> range:
    return range(block, CASES, BLOCKS)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_table_reads_back_however_it_is_written(tmp_path: Path, block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        table, style = files.make_table(rng), files.make_style(rng)
        path = tmp_path / "x.csv"
        lines, _ = files.write_lines(table, style, rng)
        data = files.to_bytes(lines, style)
        if rng.random() < 0.1:
            path, data = tmp_path / "x.csv.gz", gzip.compress(data)
        path.write_bytes(data)
        if (message := refusal(lambda path=path: read(path))) is not None:
            assert _asks(message), (seed, style, message)
            continue
        got = read(path)
        context = str((seed, style, lines[:4]))
        assert (pd.DatetimeIndex(got["time"]) == table.times.tz_localize("UTC")).all(), context
        assert [name.lower() for name in got.columns[1:]] == [name.lower() for name in table.values], context
        for name, column in zip(got.columns[1:], table.values.values(), strict=True):
            np.testing.assert_array_equal(got[name], column, err_msg=context)


def _asks(message: str) -> bool:
    """Whether a refusal names the setting that reads the file: what is ambiguous is asked for."""
    return "data.date_order" in message or "data.decimal" in message


@pytest.mark.parametrize("block", range(BLOCKS))
def test_damage_is_refused_or_stays_where_it_is(tmp_path: Path, block: int) -> None:
    path = tmp_path / "x.csv"
    for seed in seeds(block):
        rng = random.Random(f"damage {seed}")
        table = files.make_table(rng)
        style = dataclasses.replace(
            files.make_style(rng), encoding="utf-8", line_end="\n", thousands="", newest_first=False, upper=False
        )
        lines, places = files.write_lines(table, style, rng)
        whole = files.to_bytes(lines, style)
        broken = files.damage(whole, rng)
        path.write_bytes(broken)
        if refusal(lambda: read(path)) is not None:
            continue
        got = read(path)
        left = set(broken.split(b"\n"))
        untouched = [row for line, row in places.items() if lines[line].encode() in left]
        _check_rows(got, table, untouched, str((seed, style, [bytes(line) for line in left - set(whole.split(b"\n"))])))


def _check_rows(got: pd.DataFrame, table: files.Table, rows: list[int], context: str) -> None:
    """The given rows are there, unchanged."""
    have = got.drop_duplicates("time", keep=False).set_index("time")
    twice = set(got["time"][got["time"].duplicated()])
    columns = [have.columns.get_loc(name) for name in have.columns]
    for row in rows:
        when = table.times[row].tz_localize("UTC")
        if when in twice:
            continue  # repeated: an error further on
        assert when in have.index, (context, when)
        values = have.loc[when].to_numpy(dtype=float)
        expected = [column[row] for column in table.values.values()]
        shared = [value for value in expected if value in values]
        # A damaged header may lose a column to its name; no value may change.
        assert len(shared) >= min(len(columns), len(expected)), (context, when, values, expected)


def _parquet(table: files.Table, rng: random.Random) -> pd.DataFrame:
    times = table.times
    zone = rng.choice([None, "UTC", "America/New_York"])
    stamps = times if zone is None else times.tz_localize("UTC").tz_convert(zone)
    frame = pd.DataFrame({"time": stamps.as_unit(rng.choice(["s", "ms", "us", "ns"])), **table.values})
    for name in table.values:
        kind = rng.choice(["float64", "string", "object", "category", "Float64", "float64"])
        frame[name] = frame[name].map(repr) if kind == "object" else frame[name].astype(kind)
    frame["flag"] = np.arange(len(frame)) % 2 == 0
    frame["stamp"] = stamps
    return frame.set_index("time") if rng.random() < 0.3 else frame


@pytest.mark.parametrize("block", range(BLOCKS))
def test_parquet_reads_back_and_damage_to_it_is_one_line(tmp_path: Path, block: int) -> None:
    path = tmp_path / "x.parquet"
    for seed in seeds(block):
        rng = random.Random(f"parquet {seed}")
        table = files.make_table(rng)
        buffer = io.BytesIO()
        _parquet(table, rng).to_parquet(buffer)
        path.write_bytes(buffer.getvalue())
        got = read(path)
        assert (pd.DatetimeIndex(got["time"]) == table.times.tz_localize("UTC")).all(), seed
        assert list(got.columns[1:]) == list(table.values), seed  # neither flag nor stamp
        for name, column in table.values.items():
            np.testing.assert_array_equal(got[name], column)
        path.write_bytes(files.damage(buffer.getvalue(), rng))
        message = refusal(lambda: read(path))
        assert message is None or str(path) in message


CELL = st.one_of(
    st.sampled_from(
        ["2023-01-01", "1,5", "1.5", "", "NaN", '"', "10:30", "1e9", "TRUE", "01/02/2023", "-", "20230101"]
    ),
    st.text(max_size=6),
    st.floats().map(repr),
)
TEXT = st.one_of(
    st.lists(st.lists(CELL, min_size=1, max_size=4).map(",".join), max_size=8).map("\n".join),
    st.lists(st.lists(CELL, min_size=1, max_size=4).map(";".join), max_size=8).map("\r\n".join),
)


@settings(max_examples=max(100, CASES // 4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(TEXT.map(str.encode), TEXT.map(lambda text: ("time,y\n" + text).encode()), st.binary(max_size=200)))
def test_any_bytes_are_a_frame_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(data)
    refusal(lambda: read(path))
