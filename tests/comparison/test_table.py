"""Front and choice: properties of any table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cli_runner import error_line, sssd
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.cli.compare import split_schedulers, split_steps, split_tolerance
from sssd_registry.comparison.candidates import Candidate
from sssd_registry.comparison.compare import make_rows
from sssd_registry.comparison.quality import Quality
from sssd_registry.comparison.table import Row, cheapest, front
from sssd_registry.data.effective_windows import one_series
from sssd_registry.errors import SSSDError
from sssd_registry.sampling.tableau import SolverTableau

positive = st.floats(0.1, 100)


@st.composite
def a_row(draw: Any) -> Row:
    calls = draw(st.integers(1, 50))
    return Row(
        "x", calls, calls, draw(positive), 0.1, 0.0, 0.0, draw(st.booleans()), 0.5, 0.9, draw(positive),
        1.0, 0.1, 0.1, 0.01,
    )  # fmt: skip


@given(st.lists(a_row(), min_size=1, max_size=30))
def test_nothing_on_the_front_is_dominated_and_all_else_is(rows: list[Row]) -> None:
    kept = front(rows)
    for row in kept:
        assert not any(other.milliseconds <= row.milliseconds and other.crps < row.crps for other in rows)
    for row in rows:
        if row not in kept:
            assert any(other.milliseconds <= row.milliseconds and other.crps <= row.crps for other in kept)


@given(st.lists(a_row(), min_size=1, max_size=30))
def test_the_choice_is_good_enough_and_none_such_has_fewer_calls(rows: list[Row]) -> None:
    good = [row for row in rows if row.good_enough]
    if good:
        assert cheapest(rows) in good
        assert cheapest(rows).calls == min(row.calls for row in good)


def made(crps: np.ndarray) -> Quality:
    """A quality whose paths score as its horizons do."""
    return Quality(crps, 0.5, 0.9, crps.mean(axis=1), crps.mean(axis=1))


def candidate(steps: int) -> Candidate:
    coefficients = np.eye(steps + 1)
    return Candidate("x", steps, SolverTableau(steps, np.arange(steps)[::-1].astype(float), coefficients, ()))


@given(st.integers(0, 2**31), st.floats(0, 0.1))
def test_the_best_is_always_good_enough_and_without_noise_it_is_the_tolerance_that_decides(
    seed: int, tolerance: float
) -> None:
    random = np.random.default_rng(seed)
    base = random.uniform(0.5, 1.5, size=(40, 2))
    # The same windows times a constant: differences as noisy as the windows, but all of one sign.
    found = [made(base * factor) for factor in (1.0, 1.005, 1.05, 1.5)]
    rows = make_rows(
        [candidate(n) for n in (8, 4, 3, 2)], found, [1.0] * 4, [1, 4], one_series(len(found[0].crps)), tolerance
    )
    assert rows[0].good_enough
    assert [row.crps for row in rows] == sorted(row.crps for row in rows)
    for row in rows:
        assert row.good_enough == (row.excess <= tolerance)
        assert row.excess == pytest.approx(row.crps / rows[0].crps - 1)


def test_a_lead_that_says_nothing_shows_in_its_error() -> None:
    """Independent noise of the size of the lead: within the tolerance is within the tolerance, but the error says
    how little that means."""
    random = np.random.default_rng(0)
    base = random.uniform(0.5, 1.5, size=(40, 1))
    noise = random.normal(scale=0.3, size=base.shape)
    lucky = made(base + noise - noise.mean() - 0.02)
    good, bad = made(base), made(base * 1.2)
    rows = make_rows(
        [candidate(n) for n in (40, 8, 4)], [lucky, good, bad], [1.0] * 3, [1], one_series(len(good.crps)), 0.01
    )
    assert {row.steps: row.good_enough for row in rows} == {40: True, 8: False, 4: False}
    by_steps = {row.steps: row for row in rows}
    assert by_steps[8].excess < by_steps[8].excess_se
    assert by_steps[4].excess > 2 * by_steps[4].excess_se


def test_names_steps_and_tolerances_are_read() -> None:
    assert split_schedulers(None) is None
    assert split_schedulers(["all"]) is None
    assert split_schedulers(["ddim,unipc", "lms"]) == ["ddim", "unipc", "lms"]
    assert split_schedulers(["unipc:solver_order=3,solver_type=bh2"]) == ["unipc:solver_order=3,solver_type=bh2"]
    assert split_steps("4, 8,8") == [4, 8]
    assert (split_tolerance("1%"), split_tolerance("0.02")) == (0.01, 0.02)
    for read, text in ((split_steps, "4,x"), (split_steps, "0"), (split_steps, ""), (split_tolerance, "x%")):
        with pytest.raises(SSSDError):
            read(text)
    with pytest.raises(SSSDError, match="takes all, or names"):
        split_schedulers(["all,ddim"])


def test_wrong_words_are_one_line(tmp_path: Any) -> None:
    assert "validation or test" in error_line(sssd("compare", tmp_path, tmp_path, "--part", "train"))
    chosen = error_line(sssd("compare", tmp_path, tmp_path, "--part", "test", "--write-default"))
    assert "would choose by the data that are to judge the choice" in chosen
    assert "did you mean 'unipc'" in error_line(sssd("compare", tmp_path, tmp_path, "--schedulers", "unipk"))
