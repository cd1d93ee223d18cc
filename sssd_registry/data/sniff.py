"""Layout of a CSV, found from its first lines: delimiter, header, and what stands above it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sssd_registry.data.date_formats import CLOCK, is_date
from sssd_registry.data.header import header_names
from sssd_registry.data.layouts import headerless_layout, named_layout
from sssd_registry.data.numbers import MISSING, is_number

_DELIMITERS = (";", "\t", "|", ",")  # of two that fit equally well, the comma may be a decimal mark
_HEAD_BYTES, _HEAD_LINES = 1 << 18, 300
WHITESPACE = r"\s+"

Kind = Literal["date", "clock", "number", "text", "empty"]


@dataclass(frozen=True)
class Dialect:
    """Layout of a CSV, to read it by.

    Attributes:
        delimiter: one character, or a pattern for blanks.
        names: of all columns, as they are in the file; ``""`` for none.
        offset: bytes before the first row of data.
        first_line: its line, from 1.
        above: the lines before it that are not blank: they are no data where they are repeated.
        layout: name of a known layout.
        left_out: columns of the layout that say nothing, with the reason.
        sample: first rows of data, split.
        notes: what is not plain.
    """

    delimiter: str
    names: tuple[str, ...]
    offset: int
    first_line: int
    above: tuple[bytes, ...]
    layout: str | None
    sample: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def sniff(data: bytes) -> Dialect:
    """Look at the first lines of UTF-8 ``data``, of which at least one is not blank."""
    lines = _head(data)
    told = re.fullmatch(r"\s*sep=(.)\s*", lines[0][1])
    if told:
        lines = lines[1:] or [(1, "")]
    texts = [text for _, text in lines]
    delimiter = told[1] if told else _delimiter(texts)
    rows = [split(text, delimiter) for text in texts]
    width = _width(rows)
    start = next(i for i, row in enumerate(rows) if len(row) == width)
    kinds = _kinds(rows[start:], width)
    first = next(
        (
            i
            for i in range(start, len(rows))
            if _is_data(rows[i], kinds, rows[start:]) or (i > start and _has_number(rows[i], kinds))
        ),
        None,
    )
    if first is None:  # nothing looks like data: one row of names, as usual
        first = min(start + 1, len(rows))
    header = [row for row in rows[start:first] if len(row) == width]
    if not header and start > 0:
        header = _of_another_width(rows[start - 1], rows[start:], width)
    names, notes = header_names(header)
    layout, sample = None, [tuple(row) for row in rows[first:]]
    if not header:
        kind, names = headerless_layout(kinds, sample)
        layout = kind
        notes = [f"no header: {f'columns of {kind}' if kind else 'columns ' + ', '.join(names[:12])}"]
        if kind and kind.startswith("HistData"):
            notes.append("times are taken as UTC (HistData writes EST: --set data.timezone=Etc/GMT+5)")
    layout = layout or named_layout(names, texts[:first])
    preamble = max(0, first - len(header))
    if told:
        preamble += 1
    if preamble and header:
        notes.append(f"{preamble} {'line' if preamble == 1 else 'lines'} above the header skipped")
    if delimiter != ",":
        notes.insert(0, f"delimiter {'blanks' if delimiter == WHITESPACE else repr(delimiter)}")
    first_line = lines[first][0] if first < len(lines) else data.count(b"\n") + 2
    raw = data.split(b"\n", first_line - 1)[: first_line - 1]
    above = tuple(line for line in raw if line.strip())
    return Dialect(
        delimiter=delimiter,
        names=tuple(names),
        offset=min(len(data), sum(len(line) + 1 for line in raw)),
        first_line=first_line,
        above=above,
        layout=layout,
        sample=tuple(sample),
        notes=tuple(notes),
    )


def split(line: str, delimiter: str) -> list[str]:
    """The fields of one line, without blanks around them."""
    if delimiter == WHITESPACE:
        return [field.strip('"') for field in re.findall(r'"[^"]*"|\S+', line)]
    try:
        fields = next(csv.reader(io.StringIO(line), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a field longer than any: the delimiter is another one
        fields = line.split(delimiter)
    return [field.strip() for field in fields]


def _head(data: bytes) -> list[tuple[int, str]]:
    """The first lines that are not blank, with their numbers from 1."""
    size = _HEAD_BYTES
    while size < len(data) and data.count(b"\n", 0, size) < 20:  # a wide file has long lines
        size *= 2
    chunk = data[:size]
    lines = chunk.decode("utf-8", "replace").split("\n")
    if len(data) > len(chunk) and len(lines) > 2:
        lines.pop()  # cut off
    found: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if found and _is_open(found[-1][1]):  # a quoted text with a break in it
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
        elif line.strip():
            found.append((number, line))
    return found[:_HEAD_LINES]


def _is_open(line: str) -> bool:
    """Tell whether a quote is open at the end of ``line``; one that stays open is no quote."""
    return line.count('"') % 2 == 1 and line.count("\n") < 20


def _delimiter(texts: Sequence[str]) -> str:
    """The one that splits most lines into as many fields, from the earliest line on."""
    found: list[tuple[float, int, str]] = []
    for delimiter in _DELIMITERS:
        counts = [len(split(text, delimiter)) for text in texts]
        width = _mode(counts[len(counts) // 3 :])
        body = counts[len(counts) // 3 :]
        share = sum(count == width for count in body) / len(body)
        if width > 1 and share >= 0.75:
            # Within three lines of the top any of them may have the header.
            found.append((-round(share, 1), counts.index(width), delimiter))
    if found:
        best = min(share for share, *_ in found)
        return min((one for one in found if one[0] <= best + 0.1), key=lambda one: one[1])[2]
    for delimiter in _DELIMITERS:  # rows that leave fields away at their end are of several widths
        if all(delimiter in text for text in texts[len(texts) // 3 :]):
            return delimiter
    counts = [len(split(text, WHITESPACE)) for text in texts]
    width = _mode(counts[len(counts) // 3 :])
    return WHITESPACE if width > 1 and all(count == width for count in counts[1:]) else ","


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Fields of a row: where some rows leave fields away at their end, as many as the header has."""
    counts = Counter(len(row) for row in rows[len(rows) // 3 :])
    usual = [width for width, count in counts.items() if count >= 0.2 * counts.total()]
    return next((len(row) for row in rows if len(row) in usual), _mode([len(row) for row in rows]))


def _mode(counts: Sequence[int]) -> int:
    return Counter(counts).most_common(1)[0][0]


def kind_of(field: str) -> Kind:
    """Return the kind of one field."""
    if field in MISSING or field.lower() in ("nan", "na", "n/a", "null", "none"):
        return "empty"
    if CLOCK.fullmatch(field):
        return "clock"
    if is_date(field):
        return "date"
    return "number" if is_number(field) else "text"


def _kinds(rows: Sequence[Sequence[str]], width: int) -> list[Kind]:
    """Return the kind of most fields of each column; the first rows, which may be header, do not count."""
    fitting = [row for row in rows if len(row) == width]
    body = fitting[min(3, len(fitting) - 1) :]
    kinds: list[Kind] = []
    for column in zip(*body[: min(60, 5 + 20_000 // width)], strict=False):
        counts = Counter(kind for kind in map(kind_of, column) if kind != "empty")
        kinds.append(counts.most_common(1)[0][0] if counts else "empty")
    return kinds


def _is_data(row: Sequence[str], kinds: Sequence[Kind], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a row looks like those below: has dates where they have, or else times in numbers."""
    dated = [i for i, kind in enumerate(kinds) if kind in ("date", "clock")]
    if len(row) > len(kinds) or (len(row) < len(kinds) and not (dated and len(row) > max(dated))):
        return False
    if dated:
        return all(kind_of(row[i]) in (kinds[i], "empty") for i in dated) and any(row[i] for i in dated)
    if any(
        kind == "number" and kind_of(field) not in ("number", "empty") for field, kind in zip(row, kinds, strict=True)
    ):
        return False
    if _counts_up(row) and len(rows) > 1 and not _counts_up(rows[-1]):
        return False  # 0, 1, 2: names that a program gave
    # Without a header, something in each row has to be a time: numbers of eight digits and more.
    return (
        any(
            kind == "number"
            and all(re.fullmatch(r"\d{8,19}(\.\d+)?", other[i] if i < len(other) else "") for other in rows[:9])
            for i, kind in enumerate(kinds)
        )
        or row is not rows[0]
    )


def _has_number(row: Sequence[str], kinds: Sequence[Kind]) -> bool:
    """Tell whether a row below the first has a number where numbers are: then it is data, whatever its time is."""
    return any(kind == "number" and kind_of(field) == "number" for field, kind in zip(row, kinds, strict=False))


def _counts_up(row: Sequence[str]) -> bool:
    digits = [field for field in row if field]
    return (
        len(digits) > 1
        and all(field.isdigit() for field in digits)
        and ([int(field) for field in digits] in ([*range(len(digits))], [*range(1, len(digits) + 1)]))
    )


def _of_another_width(row: Sequence[str], body: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """A header that is one field shorter or longer than the rows: a delimiter at the end, or names of rows."""
    if width < 3 or any(kind_of(field) in ("number", "date", "clock") for field in row):
        return []
    if len(row) == width + 1 and not row[-1]:
        return [list(row[:-1])]
    if len(row) == width - 1:
        behind = all(len(one) != width or not one[-1] for one in body)
        return [[*row, ""]] if behind else [["", *row]]
    return []
