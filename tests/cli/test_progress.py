"""Progress: a bar where people look, lines where nobody does, and never a number that is none."""

from __future__ import annotations

import sys

import pytest

from sssd_registry.cli import progress
from sssd_registry.training.checkpoint import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_a_line_now_and_then(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    state = Progress("")
    with progress.training_bar(3000) as report:
        for step in range(1, 201):
            clock[0] += 1.0
            state.step = step
            if step == 100:
                state.history, state.best_score = [(0, 0.5), (100, 0.45)], 0.45
            report(state, 0.25)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4  # after 10 s, and every minute
    assert lines[0] == "training: 10 of 3000, 0.9 steps/s, 55 min 22 s left, loss 0.250"
    assert lines[-1].endswith("loss 0.250, validation score 90.0% of the start's")


def test_the_first_windows_count_for_the_rate(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    """A report that comes after a first batch tells how long the others will take."""
    with progress.evaluation_bar() as report:
        clock[0] += 20
        report(64, 128)
    assert capsys.readouterr().err == "forecasting: 64 of 128, 3.2 windows/s, 20 s left\n"


def test_work_of_unknown_length_tells_its_rate(capsys: pytest.CaptureFixture[str], clock: list[float]) -> None:
    with progress.tuning_bar() as report:
        report(0, 0.5)
        clock[0] += 20
        report(40, 0.125)
    assert capsys.readouterr().err == "tuning: 40, 2 solvers/s, least distance 0.12500\n"


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.evaluation_bar() as report:
        report(1, 1)
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_no_number_that_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither "loss nan" before the first step, nor a best CRPS of infinity."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.training_bar(10) as report:
        report(Progress("", step=1), 0.5)
    shown = capsys.readouterr().err
    assert "nan" not in shown
    assert "inf" not in shown
