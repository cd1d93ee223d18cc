"""Made-up tables, the many ways in which a program or a person writes one, and what can happen to it on the way."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pandas as pd

TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S+00:00", "%Y.%m.%d %H:%M",
    "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d-%b-%Y %H:%M", "%d.%m.%y %H:%M",
    "%b %d, %Y %H:%M", "%Y%m%d %H%M%S", "%Y%m%d%H%M", "%Y%m%dT%H%M%S", "%d.%m.%Y %H:%M:%S.000 GMT+0000",
    "%Y-%m-%d %H:%M UTC", "%Y/%m/%d %H:%M:%S", "s", "ms", "us",
)  # fmt: skip
ABOVE = ("# exported", "Report of today", "https://www.example.org")
NAMES = (("open", "high", "low", "close", "volume"), ("y", "temp", "load"), ("value",), ("Preis", "Menge", "target"))


@dataclass(frozen=True)
class Table:
    """Content of a file: UTC times, ascending, and float64 values by column."""

    times: pd.DatetimeIndex
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class Style:
    """Style that a file is written in."""

    time_format: str
    time_name: str
    delimiter: str
    decimal: str
    thousands: str
    newest_first: bool
    quoted: bool
    line_end: str
    encoding: str
    mark: bool
    preamble: tuple[str, ...]
    repeat_header: bool
    blank_lines: int
    empty_rows: int
    counter: bool
    upper: bool


def make_table(rng: random.Random) -> Table:
    """A few hundred rows of one to five columns."""
    step = rng.choice(["1min", "5min", "1h", "4h", "1D"])
    start = pd.Timestamp("2023-01-01") + pd.Timedelta(minutes=5 * rng.randrange(100_000)).floor("1min")
    times = pd.date_range(start.floor("1D"), periods=rng.randrange(40, 300), freq=step)
    keep = np.array([rng.random() < 0.98 for _ in times])
    keep[:2] = True
    times = times[keep]
    draw = np.random.default_rng(rng.randrange(1 << 30))
    scale = rng.choice([1.0, 50.0, 30_000.0])
    digits = rng.choice([2, 4, 5])
    values = {
        name: np.round(scale * np.exp(draw.normal(0, 0.02, len(times)).cumsum()), digits) for name in rng.choice(NAMES)
    }
    return Table(times, values)


def make_style(rng: random.Random) -> Style:
    """A style in which a table can be read back."""
    delimiter = rng.choice([",", ",", ";", "\t", "|"])
    decimal = "," if delimiter in (";", "\t") and rng.random() < 0.5 else "."
    thousands = rng.choice(["", "", "", "." if decimal == "," else ","]) if rng.random() < 0.5 else ""
    quoted = rng.random() < 0.2 or (thousands == delimiter)
    return Style(
        time_format=rng.choice(TIME_FORMATS),
        time_name=rng.choice(["time", "Date", "timestamp", "Datum", "ds", "<DATE>", "Gmt time"]),
        delimiter=delimiter,
        decimal=decimal,
        thousands=thousands,
        newest_first=rng.random() < 0.2,
        quoted=quoted,
        line_end=rng.choice(["\n", "\n", "\r\n", "\r"]),
        encoding=rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]),
        mark=rng.random() < 0.1,
        preamble=tuple(rng.choice(ABOVE) for _ in range(rng.choice([0, 0, 0, 1, 2]))),
        repeat_header=rng.random() < 0.15,
        blank_lines=rng.choice([0, 0, 0, 3]),
        empty_rows=rng.choice([0, 0, 0, 2]),
        counter=rng.random() < 0.1,
        upper=rng.random() < 0.1,
    )  # fmt: skip


def write_lines(table: Table, style: Style, rng: random.Random) -> tuple[list[str], dict[int, int]]:
    """The lines of the file, and the row of the table that each of them holds (where it holds one)."""
    names = [style.time_name, *(name.upper() if style.upper else name for name in table.values)]
    header = _line([*([""] if style.counter else []), *names], style, False)
    lines = [*style.preamble, header]
    places: dict[int, int] = {}
    order = range(len(table.times))
    repeat_at = rng.randrange(5, len(table.times) - 5)
    for position, row in enumerate(reversed(order) if style.newest_first else order):
        if style.repeat_header and position == repeat_at:
            lines.append(header)
        fields = [_time(table.times[row], style), *(_number(column[row], style) for column in table.values.values())]
        places[len(lines)] = row
        lines.append(_line([*([str(position)] if style.counter else []), *fields], style, True))
        if style.blank_lines and position % 50 == 7:
            lines += [""] * style.blank_lines
    lines += [style.delimiter * (len(names) - 1 + style.counter)] * style.empty_rows if len(names) > 1 else []
    return lines, places


def to_bytes(lines: list[str], style: Style) -> bytes:
    """The file."""
    return (style.line_end.join(lines) + style.line_end).encode(style.encoding)


def _line(fields: list[str], style: Style, data: bool) -> str:
    if style.quoted:
        fields = [f'"{field}"' for field in fields]
    elif style.delimiter == ",":
        fields = [f'"{field}"' if "," in field else field for field in fields]
    return style.delimiter.join(fields)


def _time(time: pd.Timestamp, style: Style) -> str:
    if style.time_format in ("s", "ms", "us"):
        return str(time.as_unit(style.time_format).value // {"s": 10**9, "ms": 10**6, "us": 10**3}[style.time_format])
    return time.strftime(style.time_format)


def _number(value: float, style: Style) -> str:
    text = f"{value:,}" if style.thousands else repr(float(value))
    whole, _, rest = text.partition(".")
    whole = whole.replace(",", style.thousands)
    return f"{whole}{style.decimal}{rest}" if rest else whole


def damage(data: bytes, rng: random.Random) -> bytes:
    """``data`` after an accident: bytes changed, lost or doubled, lines lost, swapped or cut."""
    kind = rng.choice(
        ["flip", "delete", "insert", "quote", "nul", "delimiter", "truncate", "double", "swap", "block", "text"]
    )
    at = rng.randrange(len(data))
    if kind == "flip":
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if kind == "delete":
        return data[:at] + data[at + rng.choice([1, 1, 5, 60]) :]
    if kind in ("insert", "quote", "nul", "delimiter", "text"):
        what = {"insert": bytes([rng.randrange(256)]), "quote": b'"', "nul": b"\0", "delimiter": b",", "text": b"n/a?"}
        return data[:at] + what[kind] + data[at:]
    if kind == "truncate":
        return data[:at]
    lines = data.split(b"\n")
    row = rng.randrange(len(lines))
    if kind == "double":
        return b"\n".join([*lines[:row], lines[row], *lines[row:]])
    if kind == "swap":
        other = rng.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
        return b"\n".join(lines)
    return data[:at] + bytes(rng.randrange(256) for _ in range(40)) + data[at + 40 :]
