"""Checks of what a parser takes without a word: rows that are cut short, and a quote that swallows rows."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from sssd_registry.errors import SSSDError, shortened

_QUOTED = re.compile(rb'"[^"\n]*"')
# More short rows than this share are a habit of the file: fields at the end that are empty and left away.
_HABIT = 0.05


def check_rows(path: Path, body: bytes, delimiter: str, width: int, rows: int, first_line: int) -> None:
    """Raise SSSDError, with the line, where a row has fewer fields than others or a quote holds several rows.

    Args:
        body: the rows of data.
        width: fields of a row.
        rows: how many the parser found; -1 when it gave up.
        first_line: line of the file in which ``body`` begins.
    """
    if len(delimiter) > 1:
        return
    bare = body
    if b'"' in body:
        bare = _QUOTED.sub(b"", body)
        if b'"' in bare:
            _check_quotes(path, body, delimiter, width, first_line)
            return
    mark = delimiter.encode()
    if bare.count(mark) == rows * (width - 1):
        return
    lines = [(number, line) for number, line in enumerate(bare.split(b"\n"), first_line) if line.strip(b" ")]
    short = [number for number, line in lines if line.count(mark) < width - 1]
    if short and len(short) <= max(1, _HABIT * len(lines)):
        at = short[0] - first_line
        fields = bare.split(b"\n")[at].count(mark) + 1
        line = body.split(b"\n")[at].decode()
        raise SSSDError(
            f"{path}: line {short[0]} has {fields} fields where {width} are expected: {shortened(line)!r};"
            " complete or drop it"
        )


def _check_quotes(path: Path, body: bytes, delimiter: str, width: int, first_line: int) -> None:
    """A quoted text may have several lines; rows of data in it were swallowed by a quote that stands alone."""
    text = body.decode("utf-8", "replace")
    lines = text.split("\n")
    pattern = _shape(next((line for line in lines if line.strip()), ""), delimiter)
    limit = csv.field_size_limit(1 << 30)
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        before = 0
        for record in reader:
            inside = lines[before + 1 : reader.line_num]
            if any(_shape(line, delimiter) == pattern and line.count(delimiter) >= width - 1 for line in inside):
                raise SSSDError(
                    f"{path}: line {first_line + before}: a quote opens there and closes {len(inside)} lines later,"
                    " with rows of data in it; drop the stray quote"
                )
            if 0 < len(record) < width and any(record):
                raise SSSDError(
                    f"{path}: line {first_line + before} has {len(record)} fields where {width} are expected;"
                    " complete or drop it"
                )
            before = reader.line_num
    finally:
        csv.field_size_limit(limit)


def _shape(line: str, delimiter: str) -> str:
    """The first field with its digits alike: rows of data have the same."""
    return re.sub(r"\d+", "0", line.split(delimiter)[0].strip())


def not_rows(body: bytes, rows: int, first_line: int) -> tuple[int, ...]:
    """Lines of the file, from ``first_line`` on, that are no row: blank, or the rest of a row with a quoted break."""
    if body.count(b"\n") + (not body.endswith(b"\n")) == rows:
        return ()
    lines = body.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) <= rows:
        return ()
    blank = tuple(first_line + index for index, line in enumerate(lines) if not line.strip())
    if len(lines) - len(blank) == rows or b'"' not in body:
        return blank
    reader, before, skipped = csv.reader(io.StringIO(body.decode("utf-8", "replace"))), 0, set(blank)
    for _ in reader:
        skipped.update(range(first_line + before + 1, first_line + reader.line_num))
        before = reader.line_num
    return tuple(sorted(skipped))
