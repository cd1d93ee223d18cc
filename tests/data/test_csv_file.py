import codecs

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.number_column import number_column
from sssd_registry.data.reading import reading_of, row_name
from sssd_registry.errors import SSSDError

TIMES = pd.date_range("2023-02-01", periods=60, freq="h")
ROWS = [f"{time},{number / 8}" for number, time in enumerate(TIMES)]


def read(tmp_path, lines, encoding="utf-8", end="\n"):
    path = tmp_path / "x.csv"
    path.write_bytes(lines if isinstance(lines, bytes) else end.join(lines).encode(encoding))
    return read_frame(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_any_encoding_and_line_end(tmp_path, encoding, end):
    frame = read(tmp_path, ["time,Schließung", *ROWS], encoding, end)
    assert list(frame.columns) == ["time", "Schließung"]
    np.testing.assert_array_equal(frame["Schließung"], np.arange(60) / 8)


def test_lines_are_named_where_they_are_not_the_rows(tmp_path):
    lines = ["a title", "", "time,close", "", *ROWS[:20], "", *ROWS[20:40], "time,close", ROWS[40] + "oops", *ROWS[41:]]
    frame = read(tmp_path, lines)
    assert len(frame) == 60
    assert row_name(frame, 0) == "row 1 (line 5)"
    assert row_name(frame, 40) == "row 41 (line 47)"
    with pytest.raises(SSSDError, match=r"row 41 \(line 47\): '5\.0oops' is not a number"):
        number_column(frame, "close")


def test_rows_of_a_sorted_file_keep_their_numbers(tmp_path):
    frame = read(tmp_path, ["time,close", *ROWS[:1:-1], ROWS[1] + "x", ROWS[0]])
    assert "newest first: sorted" in reading_of(frame).notes
    assert row_name(frame, 1) == "row 59"
    with pytest.raises(SSSDError, match=r"row 59: '0\.125x'"):
        number_column(frame, "close")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["time,close,volume", *(f"{row},3" for row in ROWS[:9]), ROWS[9], ROWS[10] + ",3"],
            "line 11 has 2 fields where 3",
        ),
        (["# title", "", "time,close", *ROWS[:9], ROWS[9] + ",3"], "line 13 has 3 fields where 2 are expected"),
        (["time,close,volume", ROWS[0], *(f"{row},3" for row in ROWS[1:])], "line 2 has 2 fields where 3"),
        (["time,close", *ROWS[:9], f'{TIMES[9]},"1.5', *ROWS[10:]], "line 11: a quote opens there"),
        (["time,close", *ROWS[:9], f"{TIMES[9]},1.\x0005", *ROWS[10:]], "line 11 holds a NUL byte"),
        (["time,close,close", *(f"{row},3" for row in ROWS)], "two columns are named 'close'; rename one in line 1"),
    ],
)
def test_damaged_rows_are_errors_with_their_line(tmp_path, lines, message):
    with pytest.raises(SSSDError, match=message):
        read(tmp_path, lines)


def test_a_first_row_with_a_bad_time_is_no_second_header(tmp_path):
    with pytest.raises(SSSDError, match="row 1: 'sometime' is not a timestamp"):
        read(tmp_path, ["time,close", "sometime,0.5", *ROWS[1:]])


def test_texts_of_several_lines_are_no_damage(tmp_path):
    lines = ["time,close,note", *(f'{row},"some\nwords, and more"' for row in ROWS)]
    frame = read(tmp_path, lines)
    assert frame["note"][0] == "some\nwords, and more"
    assert row_name(frame, 2) == "row 3 (line 6)"


def test_fields_left_away_at_the_end_are_missing_where_that_is_the_files_habit(tmp_path):
    frame = read(tmp_path, ["time,close,extra", *(row + (",3" if i % 2 else "") for i, row in enumerate(ROWS))])
    assert frame["extra"].isna().sum() == 30


@pytest.mark.parametrize("header", ["time,close", "time,close,"])
def test_a_delimiter_at_the_end_is_no_column(tmp_path, header):
    frame = read(tmp_path, [header, *(row + "," for row in ROWS)])
    np.testing.assert_array_equal(frame["close"], np.arange(60) / 8)
    assert (pd.DatetimeIndex(frame["time"]) == TIMES.tz_localize("UTC")).all()


def test_one_file_has_one_decimal_mark(tmp_path):
    lines = [f"{time:%d.%m.%Y %H:%M};{50 + n},{n % 9}1;1.{200 + n}" for n, time in enumerate(TIMES)]
    frame = read(tmp_path, ["Datum;Preis;Menge", *lines])
    assert (frame["Preis"][3], frame["Menge"][3]) == (53.31, 1203)
    assert reading_of(frame).decimal == ","


def test_an_ambiguous_mark_is_asked_for_and_the_answer_helps(tmp_path):
    lines = ["time;close", *(f"{time};1,{100 + n}" for n, time in enumerate(TIMES))]
    frame = read(tmp_path, lines)
    with pytest.raises(SSSDError, match=r"column 'close': '1,100' may be 1100 or 1\.1.*--set data\.decimal=,"):
        number_column(frame, "close")
    for mark, value in ((",", 1.101), (".", 1101)):
        assert read_frame(tmp_path / "x.csv", DataConfig(decimal=mark))["close"][1] == value


def test_a_mark_in_front_is_no_part_of_a_name(tmp_path):
    frame = read(tmp_path, codecs.BOM_UTF8 + "\n".join(['"time","close"', *ROWS]).encode())
    assert list(frame.columns) == ["time", "close"]
