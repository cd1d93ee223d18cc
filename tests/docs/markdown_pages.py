"""The blocks of the documents' pages, for tests that run them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Written before a block that no test can run; what it needs stands after the colon.
NOT_RUN = "<!-- not run: "
_BLOCK = re.compile(r"^(?P<before>[^\n]*)\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    runs: bool


def pages() -> list[Path]:
    """README and every page of docs/."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    found = _BLOCK.finditer("\n" + page.read_text())
    return [Block(one["language"], one["text"], not one["before"].startswith(NOT_RUN)) for one in found]


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a bash block as words, comments left out; a line that ends in a backslash goes on."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def name_of(page: Path) -> str:
    """The page's path as a test's id."""
    return str(page.relative_to(ROOT))


def run_python(made: list[Block], page: Path, names: dict[str, object] | None = None) -> dict[str, object]:
    """Execute blocks one after the other, in one namespace, which is given back."""
    names = {"__name__": "documents"} if names is None else names
    for number, block in enumerate(made, 1):
        exec(compile(block.text, f"{name_of(page)}, block {number}", "exec"), names)
    return names
