"""Texts that are numbers: thousands marks, decimal commas, currencies, percents, K and M."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from sssd_registry.data.reading import Decimal

Array = npt.NDArray[np.float64]

MISSING = ("", "?", "-", "--", "—", "–", ".", "..", "…", "...", "n/e", "n.a.")
_SPACES = "\u00a0\u202f\u2009 '’"  # between thousands, in many countries
_POWERS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_MANTISSA = r"\d[\d.,\u00a0\u202f\u2009 '’]*|[.,]\d+"
_DRESSED = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[-+−])?\s*(?P<money>[$€£¥₹₽₩]|[A-Z]{{3}}(?=\s))?\s*(?P<sign2>[-+−])?"
    rf"(?P<body>{_MANTISSA})(?P<exponent>[eE][-+]?\d+)?\s*(?P<power>[KkMBT])?\s*(?P<unit>[%$€£¥₹₽₩]|[A-Z]{{3}})?"
    r"\s*(?P<minus>-)?(?P<close>\))?",
    re.ASCII,
)
# Something short before or behind a number: 12.5 kg, ~5. It looks like a number, and is none that is read.
_ALMOST = re.compile(rf"[^\w\s]?\s*[-+−]?(?:{_MANTISSA})(?:\s?[^\W\d_°%/]{{1,4}}|\s?[°%*†‡+]\w?)?")
_CODE = re.compile(r"0\d+")
_GROUPED = {
    ".": re.compile(r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d*)?"),
    ",": re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?"),
}
_PLAIN = {".": re.compile(r"\d+\.?\d*|\.\d+"), ",": re.compile(r"\d+,?\d*|,\d+")}
# Read the same way with either mark, or not at all: no mark, or a single one before exactly three digits.
_EITHER = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")


@dataclass(frozen=True)
class Numbers:
    """A column of texts, read.

    Attributes:
        values: float64 ``(rows,)``, NaN where nothing is; None where the texts are not numbers, or may be either.
        decimal: the mark that the texts can only have; None where they show none.
        ambiguous: an entry such as ``2,034``, where nothing says whether it is 2034 or 2.034.
        note: what is not plain in the texts, or why they are no numbers.
        bad: the position of the first entry that is no number, in a column where most are.
    """

    values: Array | None = None
    decimal: Decimal | None = None
    ambiguous: str | None = None
    note: str = ""
    bad: int | None = None


def read_numbers(column: pd.Series, decimal: Decimal | None = None, fallback: Decimal | None = None) -> Numbers:
    """The numbers in a column of texts.

    Args:
        column: texts, other objects and missing entries.
        decimal: the decimal mark of the file, where known from elsewhere.
        fallback: the one to take for ``2,034`` when nothing else says.
    """
    entries = column.to_numpy(dtype=object)
    present = np.flatnonzero(column.notna().to_numpy())
    texts = [str(entries[row]).strip() for row in present]
    if not _promising(texts):
        return Numbers(note=_example(texts))
    if are_codes(texts):
        return Numbers(note=f"codes with leading zeros, such as {texts[0]!r}")
    parsed = [_DRESSED.fullmatch(text) for text in texts]
    empty = [text in MISSING for text in texts]
    bad = next((i for i, (match, none) in enumerate(zip(parsed, empty, strict=True)) if not match and not none), None)
    if bad is not None:
        return Numbers(note=_example(texts, bad), bad=int(present[bad]))
    matches = [match for match in parsed if match]
    units = {(match["money"] or "") + (match["unit"] or "") for match in matches}
    if len(units - {""}) > 1 or ("%" in units and len(units) > 1):
        return Numbers(
            note="several units: " + ", ".join(sorted(unit or "none" for unit in units)), bad=int(present[0])
        )
    bodies = [match["body"].strip() for match in matches]
    own = _own_decimal(bodies)
    if own == "mixed" and not any(_readable(body, ".") or _readable(body, ",") for body in bodies):
        return Numbers(note=_example(texts))  # addresses, versions
    if own == "mixed":
        return Numbers(note=f"numbers with both decimal marks, such as {_odd(bodies)!r}", bad=int(present[0]))
    mark = own or decimal or fallback
    marked = next((body for body in bodies if _EITHER.fullmatch(body)), None)
    if mark is None and marked is not None:
        return Numbers(ambiguous=marked)
    values = np.full(len(column), np.nan)
    rows = [int(row) for row, match in zip(present, parsed, strict=True) if match]
    values[rows] = [_value(match, mark or ".") for match in matches]
    return Numbers(values, own, note=_note(bodies, mark or ".", units, matches, sum(empty)))


def _promising(texts: list[str]) -> bool:
    """Tell whether most entries look like numbers: judged from some of them, as most columns of texts are none."""
    return looks_numeric(texts, lambda text: _DRESSED.fullmatch(text) is not None)


def looks_numeric(texts: list[str], like: Callable[[str], bool] | None = None) -> bool:
    """Tell whether more than half of a sample of the entries look like a number, or almost, as ``12.5 kg`` does."""
    like = like or (lambda text: _ALMOST.fullmatch(text) is not None)
    sample = [text for text in texts[:: max(1, len(texts) // 400)] if text not in MISSING]
    return bool(sample) and sum(map(like, sample)) > 0.5 * len(sample)


def are_codes(texts: list[str]) -> bool:
    """Tell whether entries are names made of digits, not quantities: all are, and some begin with a zero."""
    return (
        bool(texts)
        and all(text.isdigit() for text in texts if text not in MISSING)
        and any(map(_CODE.fullmatch, texts))
    )


def _own_decimal(bodies: list[str]) -> Decimal | Literal["mixed"] | None:
    """The one mark with which every body can be read; None where either will do."""
    marked = {body for body in bodies if not body.isdigit()}
    fits = {mark: all(_readable(body, mark) for body in marked) for mark in _PLAIN}
    if fits["."] != fits[","]:
        return "." if fits["."] else ","
    if not fits["."]:
        return "mixed"
    # "987" beside "1,024": thousands, where small numbers have no mark. Fixed decimals would be on all of them.
    small = [body for body in bodies if body.isdigit()]
    signs = {match[1] for body in marked if (match := _EITHER.fullmatch(body))}
    if len(signs) == 1 and len(small) > 0.02 * len(bodies) and all(len(body) <= 3 for body in small):
        return "." if signs == {","} else None
    return None


def _readable(body: str, mark: str) -> bool:
    for space in _SPACES:
        if space in body:
            head, *rest = re.split(rf"[{_SPACES}]", body)
            whole = [head, *rest[:-1], re.split(r"[.,]", rest[-1])[0]]
            if not (1 <= len(head) <= 3 and all(len(part) == 3 for part in whole[1:])):
                return False
            body = re.sub(rf"[{_SPACES}]", "", body)
            return _PLAIN[mark].fullmatch(body) is not None
    return _PLAIN[mark].fullmatch(body) is not None or _GROUPED[mark].fullmatch(body) is not None


def _odd(bodies: list[str]) -> str:
    return next((body for body in bodies if not (_readable(body, ".") or _readable(body, ","))), bodies[0])


def _value(match: re.Match[str], mark: str) -> float:
    body = re.sub(rf"[{_SPACES}{'.' if mark == ',' else ','}]", "", match["body"]).replace(",", ".")
    number = float(body + (match["exponent"] or "")) * _POWERS.get((match["power"] or "").lower(), 1.0)
    minus = (
        (match["sign"] or match["sign2"] or "") in ("-", "−") or match["minus"] or (match["open"] and match["close"])
    )
    return -number if minus and number else number


def _note(bodies: list[str], mark: str, units: set[str], matches: list[re.Match[str]], missing: int) -> str:
    """Say what was taken off the texts."""
    notes: list[str] = []
    other = "," if mark == "." else "."
    grouped = next((body for body in bodies if other in body or any(space in body for space in _SPACES)), None)
    if grouped:
        whole = re.sub(rf"[{_SPACES}{other}]", "", grouped).replace(",", ".")
        notes.append(f"{grouped!r} is {whole}")
    elif mark == "," and any("," in body for body in bodies):
        notes.append("decimal commas")
    notes += [f"{unit} taken off" for unit in sorted(units - {""})]
    if any(match["power"] for match in matches):
        notes.append("K, M, B are thousands, millions, billions")
    if any(match["open"] for match in matches):
        notes.append("parentheses are minus signs")
    if missing:
        notes.append(f"missing: {missing}")
    return ", ".join(notes)


def _example(texts: list[str], index: int = 0) -> str:
    shown = next(filter(None, texts[index:]), "")
    return f"texts, such as {shown[:40]!r}" if texts else "empty"


def is_number(text: str) -> bool:
    """Tell whether ``text`` is a number, plain or dressed."""
    return _DRESSED.fullmatch(text) is not None or text.lower().lstrip("+-") in ("inf", "infinity", "nan")
