"""A CSV as a frame of what is in it: numbers where they are plain, texts otherwise."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from packaging.version import Version

from sssd_registry.data.csv_checks import check_rows, not_rows
from sssd_registry.data.file_bytes import file_bytes
from sssd_registry.data.numbers import are_codes, read_numbers
from sssd_registry.data.reading import Decimal, Reading, ReadSettings, set_reading
from sssd_registry.data.sniff import Dialect, kind_of, sniff
from sssd_registry.data.timestamps import plain
from sssd_registry.errors import SSSDError

ID_NAMES = ("unique_id", "item_id")
# Clocks as 0930, hours and months as 09: parts of a time, not codes.
TIME_PARTS = (
    "time", "clock", "hour", "hr", "he", "hh", "minute", "min", "day", "dd", "month", "mm", "mo", "date", "datetime",
    "timestamp", "uhrzeit", "stunde",
)  # fmt: skip

# pandas' float parser may be off in the last place; from version 3.1 on it is not, and asking for this is deprecated.
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if Version(pd.__version__) < Version("3.1") else {}
_POINT_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")
# A field with a point that is no mark of thousands: 0.5, 12.25, 1234.567, .5
_DECIMALS = re.compile(
    rb"(?:^|;)[ \"]*-?(?:0\.\d+|\d*\.(?:\d{1,2}|\d{4,})|\d{4,}\.\d+)(?:[eE][-+]?\d+)?[ \"]*(?:;|$)", re.MULTILINE
)


def read_csv(path: Path, settings: ReadSettings) -> pd.DataFrame:
    """The rows of a CSV, what was understood in its attrs.

    Raises:
        SSSDError: it is empty or no text, two columns have one name, or a row has too many or too few fields; with
            the line.
    """
    data, encoding = file_bytes(path)
    if not data or data.isspace():
        raise SSSDError(f"{path} is empty")
    dialect = sniff(data)
    _check_shift(dialect, path)
    names = _names(dialect, path)
    body, repeated, blank = _body(data, dialect)
    text = _kept_as_text(dialect, names, settings)
    mark = settings.decimal if dialect.delimiter != "," and settings.decimal else _decimal(dialect)
    if mark is None and settings.decimal is None:
        _check_points(path, body, dialect, names)
    frame = _parse(path, body, dialect, names, text, mark or ".")
    check_rows(path, body, dialect.delimiter, len(names), len(frame), dialect.first_line)
    notes = [note for note in (encoding, *dialect.notes) if note]
    if dialect.layout and any(dialect.names) and not any("no header" in note for note in notes):
        notes.insert(0, f"{dialect.layout} layout")
    if repeated:
        notes.append(f"{repeated} repeated header {'line' if repeated == 1 else 'lines'} skipped")
    if blank:
        notes.append(f"{blank} {'line' if blank == 1 else 'lines'} of delimiters only skipped")
    if mark == ",":
        notes.append("decimal commas")
    reading = Reading(
        tuple(notes),
        delimiter=dialect.delimiter,
        layout=dialect.layout,
        decimal=mark,
        first_line=dialect.first_line,
        skipped_lines=not_rows(body, len(frame), dialect.first_line),
    )
    set_reading(frame, reading)
    return frame


def _check_shift(dialect: Dialect, path: Path) -> None:
    """A header one field shorter than the rows names rows, as R does; not where they begin with their time."""
    if len(dialect.names) < 3 or dialect.names[0] or plain(dialect.names[1]) not in TIME_PARTS:
        return
    first = dialect.sample[0]
    if kind_of(first[0]) == "date" and kind_of(first[1]) == "number":
        raise SSSDError(
            f"{path}: line {dialect.first_line} has {len(first)} fields, and the header names {len(first) - 1}: name"
            " all of them; or, where commas are decimal marks too, write the file with another delimiter"
        )


def _names(dialect: Dialect, path: Path) -> list[str]:
    names = [name or f"Unnamed: {index}" for index, name in enumerate(dialect.names)]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        if kind_of(twice) == "number":
            raise SSSDError(
                f"{path}: line {dialect.first_line - 1} is no header: it holds {twice} twice; write one above it"
            )
        raise SSSDError(f"{path}: two columns are named {twice!r}; rename one in line {dialect.first_line - 1}")
    return names


def _body(data: bytes, dialect: Dialect) -> tuple[bytes, int, int]:
    """The rows of data, and how many lines are none: repeated headers, and delimiters only.

    These are made blank, so that the others keep their number.
    """
    body = data[dialect.offset :]
    repeated = blank = 0
    for line in dialect.above:
        body, count = _blanked(body, line)
        repeated += count
    if len(dialect.delimiter) == 1:
        body, blank = _blanked(body, dialect.delimiter.encode() * (len(dialect.names) - 1))
    return body, repeated, blank


def _blanked(body: bytes, line: bytes) -> tuple[bytes, int]:
    count = 0
    if line and line in body:
        body = b"\n" + body + b"\n"
        while (found := body.count(b"\n" + line + b"\n")) > 0:
            count += found
            body = body.replace(b"\n" + line + b"\n", b"\n\n")
        body = body[1:-1]
    return body, count


def _kept_as_text(dialect: Dialect, names: Sequence[str], settings: ReadSettings) -> list[str]:
    """Columns whose entries are names whatever they look like: the ids, and codes such as 001."""
    ids = [name for name in names if name == settings.id] or [name for name in ID_NAMES if name in names][:1]
    columns = zip(names, zip(*dialect.sample, strict=False), strict=False)
    return ids + [
        name
        for name, entries in columns
        if name not in ids and plain(name) not in TIME_PARTS and are_codes([entry for entry in entries if entry])
    ]


def _decimal(dialect: Dialect) -> Decimal | None:
    """The decimal comma, where a column of the first rows can only be read with it; a point needs no word."""
    for column in zip(*dialect.sample, strict=False):
        # A stray comma or two are no decimal marks.
        if (
            sum("," in field for field in column) > 0.1 * len(column)
            and read_numbers(pd.Series(column, dtype=object)).decimal == ","
        ):
            return ","
    return None


def _check_points(path: Path, body: bytes, dialect: Dialect, names: Sequence[str]) -> None:
    """5.014 between semicolons, beside dates as 31.12.2023, is 5014 where nothing in the file shows other decimals.

    Raises:
        SSSDError: the column, and the setting that says which it is.
    """
    columns = list(zip(*dialect.sample, strict=False))
    dated = any(_POINT_DATE.match(column[0]) for column in columns)
    if dialect.delimiter != ";" or not dated or _DECIMALS.search(body):
        return
    for name, column in zip(names, columns, strict=False):
        marked = next((field for field in column if _THOUSANDS.fullmatch(field)), None)
        if marked and all(_THOUSANDS.fullmatch(field) or not re.search(r"\d\.", field) for field in column):
            raise SSSDError(
                f"{path}: column {name!r}: {marked!r} may be {float(marked):g} or {marked.replace('.', '')}; say which"
                " mark the decimals have: --set data.decimal=, or --set data.decimal=."
            )


def _parse(
    path: Path, body: bytes, dialect: Dialect, names: list[str], texts: Sequence[str], mark: Decimal
) -> pd.DataFrame:
    options: dict[str, Any] = {"sep": dialect.delimiter, "header": None, "names": names, "index_col": False}
    if texts:  # NA is a country, and 001 is not 1
        options["converters"] = dict.fromkeys(texts, _marked)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields that would be lost
            # In chunks, a column could get mixed types.
            frame: pd.DataFrame = pd.read_csv(
                io.BytesIO(body),
                low_memory=False,
                decimal=mark,
                skipinitialspace=True,
                **_EXACT,
                **options,
            )
    except pd.errors.EmptyDataError:
        raise SSSDError(f"{path}: no rows of data") from None
    except pd.errors.ParserWarning:
        raise SSSDError(f"{path} is not readable as CSV: rows have more fields than the {len(names)} named") from None
    except pd.errors.ParserError as error:
        raise SSSDError(_reason(path, body, dialect, len(names), str(error))) from None
    for name in texts:
        text = frame[name].str[1:]
        frame[name] = text.where(text != "", None)
    return frame


def _marked(text: str) -> str:
    """A text that pandas takes for one: from version 3 on it reads NA anew after a converter."""
    return "=" + text.strip()


def _reason(path: Path, body: bytes, dialect: Dialect, width: int, error: str) -> str:
    if match := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", error):
        line = int(match[2]) + dialect.first_line - 1
        return f"{path} is not readable as CSV: line {line} has {match[3]} fields where {width} are expected"
    if "inside string" in error:
        check_rows(path, body, dialect.delimiter, width, -1, dialect.first_line)
    return f"{path} is not readable as CSV: {error.strip().splitlines()[0]}"
