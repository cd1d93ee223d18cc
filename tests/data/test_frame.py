import gzip

import numpy as np
import pandas as pd
import pytest
from synthetic_frames import currency_hours

from sssd_registry.data.frame import check_columns, read_frame
from sssd_registry.data.number_column import number_column
from sssd_registry.data.reading import ReadSettings
from sssd_registry.errors import SSSDError

# pandas 3 counts in microseconds by itself
FRAME = currency_hours(weeks=1).astype({"time": "datetime64[ns, UTC]"})


@pytest.mark.parametrize(
    "name",
    ["x.csv", "x.csv.gz", "x.txt", "x.tsv", "x.parquet", "indexed.csv", "numbered.csv", "indexed.parquet"],
)
def test_every_format_reads_as_the_same_frame(tmp_path, name):
    path = tmp_path / name
    indexed = FRAME.set_index(pd.DatetimeIndex(FRAME["time"], name=None)).drop(columns="time")
    shown = FRAME if name == "numbered.csv" or name.startswith("x") else indexed
    if name.endswith(".parquet"):
        shown.to_parquet(path)
    else:
        separator = {"x.tsv": "\t", "x.txt": ";"}.get(name, ",")
        shown.to_csv(path, sep=separator, index=not name.startswith("x"))
    for source in (path, str(path)):
        pd.testing.assert_frame_equal(read_frame(source), FRAME, rtol=1e-15)


def test_a_frame_with_its_times_in_the_index_gets_a_column():
    indexed = FRAME.set_index("time")
    pd.testing.assert_frame_equal(read_frame(indexed), FRAME)
    indexed.index.name = None
    pd.testing.assert_frame_equal(read_frame(indexed), FRAME)
    assert read_frame(indexed, "when").columns[0] == "when"


def test_index_levels_of_a_panel_become_columns():
    panel = pd.concat({"a": FRAME, "b": FRAME}, names=["symbol", None]).set_index("time", append=True)
    panel = panel.droplevel(1)
    assert list(read_frame(panel).columns[:3]) == ["symbol", "time", "open"]


def test_reading_again_changes_nothing_and_the_callers_frame_stays(tmp_path):
    FRAME.to_csv(tmp_path / "x.csv")
    once = read_frame(tmp_path / "x.csv")
    twice = read_frame(once)
    pd.testing.assert_frame_equal(once, twice)
    assert once.attrs == twice.attrs
    assert once.attrs["source"] == str(tmp_path / "x.csv")

    raw = FRAME.assign(time=FRAME["time"].astype(str))
    before = raw.copy(deep=True)
    read_frame(raw)
    pd.testing.assert_frame_equal(raw, before)


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("empty.parquet", b"", "is empty"),
        ("blank.csv", b"\n\n", "is empty"),
        ("header.csv", b"time,close\n", "no rows of data"),
        ("bad.parquet", b"time,close\n", "not readable as Parquet"),
        ("cut.csv.gz", gzip.compress(b"time,close\n" * 999, mtime=0)[:30], "not readable as CSV"),
        ("plain.csv.gz", b"time,close\n", "not readable as CSV"),
        ("binary.csv", b"\x81\x02\x03\x9d" * 50, "not readable as CSV"),
        ("ragged.csv", b"time,close\n2024-01-01,1\n2024-01-02,1,2,3\n", "not readable as CSV.*line 3"),
        (
            "bad.csv",
            b"time,close\n2024-01-01,1\nnever,2\n",
            r"column 'time', row 2: 'never' is not a timestamp",
        ),
        ("none.csv", b"open,close\n1,2\n", r"no time column among open, close"),
    ],
)
def test_unusable_files_are_one_line_errors_that_name_the_file(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(SSSDError, match=message) as caught:
        read_frame(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file_and_a_directory(tmp_path):
    with pytest.raises(SSSDError, match=r"no such file: .*nothing\.csv"):
        read_frame(tmp_path / "nothing.csv")
    with pytest.raises(SSSDError, match="is a directory"):
        read_frame(tmp_path)


def test_columns_must_have_one_name_each():
    twice = pd.DataFrame([["2024-01-01", 1.0, 2.0]], columns=["time", "x", "x"])
    with pytest.raises(SSSDError, match="two columns are named 'x'"):
        read_frame(twice)
    levels = pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("close", "a")]))
    with pytest.raises(SSSDError, match="several levels"):
        read_frame(levels)


def test_missing_columns_list_near_matches():
    with pytest.raises(SSSDError, match=r"no column 'clse' \(data\.targets\); did you mean 'close'\?"):
        check_columns(FRAME, ["open", "clse"], "data.targets")


def test_numbers_as_texts_are_read_and_bad_ones_named():
    frame = pd.DataFrame({"x": ["1", "2.5", None]})
    np.testing.assert_array_equal(number_column(frame, "x"), [1, 2.5, np.nan])
    with pytest.raises(SSSDError, match=r"column 'x', row 2: 'oops' is not a number"):
        number_column(pd.DataFrame({"x": ["1", "oops"]}), "x")


def test_an_id_that_is_no_column_is_said_also_of_what_is_read_already():
    frame = pd.DataFrame({"time": pd.date_range("2024", periods=3), "pair": "a", "y": 1.0})
    for source in (frame, read_frame(frame)):
        with pytest.raises(SSSDError, match=r"no column 'pairs' \(data\.id\); did you mean 'pair'"):
            read_frame(source, ReadSettings(id="pairs"))
