"""Names of columns from the rows above the data."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TIME = re.compile(r"(?:date|time|datetime|timestamp|ds|datum)", re.IGNORECASE)


def header_names(rows: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Names, ``""`` where there is none, and notes where there is more than one row of them.

    Several rows are levels of names, as pandas and yfinance write them (the last one then names the first column
    only), or one row of names with units or titles around it.
    """
    if not rows:
        return [], []
    if len(rows) == 1:
        return _cleaned(rows[0]), []
    if levels := _levels(rows):
        return levels, [f"{len(rows)} header rows joined"]
    bare = [row for row in rows if not row[0].startswith("#")] or list(rows)
    whole = [row for row in bare if all(row) and len(set(row)) == len(row)]
    timed = [row for row in whole if any(_TIME.fullmatch(name) for name in row)]
    # Of rows with empty fields, the one with the fewest.
    chosen = next(iter([*timed, *whole]), None) or max(bare, key=lambda row: len(set(row) - {""}))
    rest = len(rows) - 1
    return _cleaned(chosen), [f"{rest} more {'row' if rest == 1 else 'rows'} beside the header skipped"]


def _cleaned(row: Sequence[str]) -> list[str]:
    """A sign of a comment stands before the first name only: ``#Passengers`` is a name."""
    return [_clean(name) if index == 0 else name.strip() for index, name in enumerate(row)]


def _clean(name: str) -> str:
    return name.strip().lstrip("#\ufeff").strip()


def _levels(rows: Sequence[Sequence[str]]) -> list[str]:
    """Names joined from their levels; empty when the rows are no levels."""
    above, last = rows[:-1], rows[-1]
    only_first = bool(last[0]) and not any(last[1:])
    repeats = len(set(above[0][1:])) < len(above[0]) - 1
    if only_first:
        levels = above
    elif repeats and all(last) and above[0][0] in ("", "Ticker", "Price"):
        levels = rows
    else:
        return []
    # A level that is the same everywhere, such as the one ticker, tells nothing apart.
    telling = [row for row in levels if len({field for field in row[1:] if field}) > 1] or [levels[0]]
    names = [" ".join(dict.fromkeys(field for field in fields if field)) for fields in zip(*telling, strict=True)]
    return [_clean(last[0]), *map(_clean, names[1:])]
