"""Measured tables in the documents: between ``<!-- marker -->`` and ``<!-- /marker -->``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from markdown_table import table

ROOT = Path(__file__).parents[1]
README, BENCHMARKS, CLAIMS_PAGE = ROOT / "README.md", ROOT / "docs/benchmarks.md", ROOT / "docs/claims.md"


def fill(page: Path, contents: Mapping[str, str]) -> None:
    """Replace what stands between each marker of a page."""
    text = page.read_text()
    for marker, content in contents.items():
        text = between(text, marker, content, page.name)
    page.write_text(text)


def fill_headline() -> None:
    """The README's few figures, from the tables of the benchmarks' page as they now are."""
    fill(README, {"headline": headline(BENCHMARKS.read_text())})


def between(text: str, marker: str, content: str, page: str = "the page") -> str:
    """``text`` with ``content`` between the two signs of ``marker``.

    Raises:
        SystemExit: the page has no such marker.
    """
    pattern = _pattern(marker)
    if not pattern.search(text):
        raise SystemExit(f"{page} has no <!-- {marker} --> … <!-- /{marker} -->")
    return pattern.sub(lambda found: found[1] + content + "\n" + found[3], text)


def held(text: str, marker: str) -> str:
    """Return the text between the two signs of ``marker``, without the last line's end."""
    found = _pattern(marker).search(text)
    if not found:
        raise SystemExit(f"no <!-- {marker} --> … <!-- /{marker} -->")
    return found[2].rstrip("\n")


def _pattern(marker: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {marker} -->\n)(.*?)(<!-- /{marker} -->)", re.DOTALL)


def headline(benchmarks: str) -> str:
    """The table of the README: figures of other tables, each with the command that measured it."""

    def row(marker: str, start: str) -> list[str]:
        lines = [line for line in held(benchmarks, marker).splitlines() if line.startswith(f"| {start}")]
        if not lines:
            raise SystemExit(f"no row of {marker} begins {start!r}: the headline needs it")
        return lines[0].strip("| ").split(" | ")

    def forecaster(data: str, name: str) -> str:
        """Score of a forecaster in the table of accuracy whose head begins with ``data``."""
        table_of = held(benchmarks, "accuracy").partition(f"| {data}")[2].partition("\n\n")[0]
        line = next(line for line in table_of.splitlines() if line.startswith(f"| {name}"))
        return line.split(" | ")[1].partition(" (")[0]

    def beside(data: str, peer: str) -> str:
        return f"{forecaster(data, 'defaults of sssd train')}; {peer} {forecaster(data, peer)}"

    etth1, bike = "ETTh1, 24 hours", "rentals of bicycles"
    demo, bench, accuracy = "`make demo`", "`make bench`", "`make accuracy`"
    exchange = row("goals", "exchange_rate, 50 windows")
    body = [
        ["EURUSD, hourly: CRPS over the random walk's", row("demo", "CRPS × 10⁴")[1].rpartition(" ")[2], demo],
        ["… coverage of the 90 % interval", row("demo", "coverage of the 90 %")[1], demo],
        ["ETTh1, 24 hours: CRPS over the deciles; the best peer's", beside(etth1, "NLinear"), accuracy],
        ["rentals of bicycles, 24 hours, weather known: the same", beside(bike, "LightGBM"), accuracy],
        ["exchange_rate, 30 days: weighted quantile loss less the random walk's", exchange[1], accuracy],
        ["whole forecast, best engine of 20 steps, over 100 steps of DDIM in PyTorch",
         row("bench", "A: ≥ 20×")[1].partition(",")[0], bench],
        ["… distilled to one step", row("bench", "A: ≥ 40× distilled")[1].partition(",")[0], bench],
        ["engine off its scheduler's own loop, in standard deviations",
         row("demo", "engine off its live")[1].partition(" ")[0], demo],
        ["engine runtime: import, peak memory", row("bench", "engine runtime")[1], bench],
    ]  # fmt: skip
    return table(["measured", "", "by"], body)
