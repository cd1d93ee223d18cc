"""The tables in the documents are those that the committed results give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def claims() -> Iterator[ModuleType]:
    """The module of ``make claims``; it and those beside it import each other by their bare names."""
    folders = [str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "accuracy")]
    sys.path[:0] = folders
    try:
        import claims

        yield claims
    finally:
        for folder in folders:
            sys.path.remove(folder)


def test_tables_of_accuracy_are_those_of_the_committed_results(claims: ModuleType) -> None:
    import documents

    text, summary = documents.BENCHMARKS.read_text(), claims.read_summary()
    assert documents.held(text, "accuracy") == claims.tables(summary), "run `make claims`"
    assert documents.held(text, "paths") == claims.path_tables(summary), "run `make claims`"
    goals = claims.goal_rows(summary)
    assert documents.held(text, "goals").splitlines()[2:] == [f"| {' | '.join(row)} |" for row in goals]


def test_claims_on_accuracy_are_those_of_the_committed_results(claims: ModuleType) -> None:
    import documents

    held = documents.held(documents.CLAIMS_PAGE.read_text(), "claims").splitlines()
    summary = claims.read_summary()
    for claim in (claims.heads, claims.stability, claims.direction, claims.quality):
        for row in claim(claims._with_heads(summary), {}, {}):
            assert f"| {' | '.join(row)} |" in held, "run `make claims`"


def test_the_headline_is_of_the_tables(claims: ModuleType) -> None:
    import documents

    assert documents.held(documents.README.read_text(), "headline") == documents.headline(
        documents.BENCHMARKS.read_text()
    )


def test_a_row_that_the_headline_needs_is_asked_for(claims: ModuleType) -> None:
    import documents

    with pytest.raises(SystemExit, match="coverage of the 90"):
        documents.headline(documents.BENCHMARKS.read_text().replace("| coverage of the 90 %", "| covers"))


@pytest.mark.parametrize("marker", ["demo", "accuracy", "goals", "bench", "compare", "overhead"])
def test_tables_are_filled(claims: ModuleType, marker: str) -> None:
    import documents

    assert documents.held(documents.BENCHMARKS.read_text(), marker).count("|") > 20, f"{marker}: run `make readme`"
