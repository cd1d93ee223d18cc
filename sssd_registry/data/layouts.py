"""Files that are known: MetaTrader, HistData, Binance, Dukascopy, yfinance, CryptoDataDownload, M4, Nixtla, GluonTS."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PRICES = ("open", "high", "low", "close")
_BINANCE = (
    "open_time", *_PRICES, "volume", "close_time", "quote_volume", "count", "taker_buy_volume",
    "taker_buy_quote_volume", "ignore",
)  # fmt: skip


def headerless_layout(kinds: Sequence[str], sample: Sequence[Sequence[str]]) -> tuple[str | None, list[str]]:
    """Name of the layout and names of the columns of a file without a header; plain names where it is not known.

    Args:
        kinds: what each column holds: date, clock, number, text or empty.
        sample: first rows.
    """
    first = sample[0] if sample else ()
    dated = list(kinds[:2]) == ["date", "clock"] and set(kinds[2:]) <= {"number"}
    if dated and 6 <= len(kinds) <= 9 and _ordered(sample, 2):
        extra = ["volume", "real_volume", "spread"] if len(kinds) > 7 else ["volume"]
        return "MetaTrader", ["date", "time", *_PRICES, *extra][: len(kinds)]
    if (
        len(kinds) == 12
        and set(kinds) <= {"number", "empty"}
        and _ordered(sample, 1)
        and re.fullmatch(r"\d{13,16}", first[0])
    ):
        return "Binance", list(_BINANCE)
    if len(kinds) in (5, 6) and re.fullmatch(r"\d{8} \d{6}", first[0]) and _ordered(sample, 1):
        return "HistData", ["time", *_PRICES, "volume"][: len(kinds)]
    if len(kinds) == 4 and re.fullmatch(r"\d{8} \d{9}", first[0]):
        return "HistData ticks", ["time", "bid", "ask", "volume"]
    if (
        len(kinds) in (5, 6, 7)
        and kinds[0] in ("date", "number")
        and set(kinds[1:]) <= {"number"}
        and _ordered(sample, 1)
    ):
        return "prices", ["time", *_PRICES, "volume", "extra"][: len(kinds)]
    plain = {"date": "date", "clock": "clock"}
    names = [plain.get(kind, f"column {index}") for index, kind in enumerate(kinds, 1)]
    return None, [name if names.count(name) == 1 else f"{name} {index}" for index, name in enumerate(names, 1)]


def _ordered(sample: Sequence[Sequence[str]], at: int) -> bool:
    """Tell whether four columns from ``at`` on are open, high, low and close: high is the highest, low the lowest."""
    rows = 0
    for row in sample:
        try:
            open_, high, low, close = (float(field) for field in row[at : at + 4])
        except ValueError:
            return False
        if not (high >= max(open_, close) and low <= min(open_, close) and low > 0):
            return False
        rows += 1
    return rows > 0


def named_layout(names: Sequence[str], above: Sequence[str]) -> str | None:
    """The layout that a header shows.

    Args:
        names: of the columns.
        above: the lines above the data, the header's among them.
    """
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    known = set(plain)
    if above and "cryptodatadownload" in above[0].lower():
        return "CryptoDataDownload"
    if len(above) >= 3 and above[-2].startswith("Ticker") and re.match(r"Date", above[-1]):
        return "yfinance"
    if any(name.startswith("<") for name in names) and {"open", "close"} <= known:
        return "MetaTrader"
    if {"opentime", "closetime", "open", "close"} <= known:
        return "Binance"
    if {"uniqueid", "ds"} <= known:
        return "Nixtla"
    if {"itemid", "timestamp"} <= known:
        return "GluonTS"
    if plain and plain[0] in ("gmttime", "localtime") and "close" in known:
        return "Dukascopy"
    return "M4" if is_wide(names) else None


def is_wide(names: Sequence[str]) -> bool:
    """Tell whether each row is a series, each column a step of it: ``V1, V2, V3, …`` or ``id, 1, 2, 3, …``."""
    if len(names) < 8:
        return False
    digits = [re.fullmatch(r"[Vv]?(\d+)", name) for name in names[1:]]
    if not all(digits) or names[0].lower() in ("date", "time", "ds", "timestamp", "datetime"):
        return False
    numbers = [int(match[1]) for match in digits if match]
    return numbers in ([*range(len(numbers))], [*range(1, len(numbers) + 1)], [*range(2, len(numbers) + 2)])
