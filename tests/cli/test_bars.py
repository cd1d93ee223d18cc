"""From a file's bars to a forecast, through the command line: months, odd series of panels, bars of another length."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from cli_runner import Outcome, error_line, sssd

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="module")
def overrides(tiny_settings: list[str]) -> list[str]:
    kept = [setting for setting in tiny_settings if not setting.startswith("data.")]
    return [part for setting in kept for part in ("--set", setting)]


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return pd.read_csv(CASES / "panel.csv")


@pytest.fixture(scope="module")
def panel_model(overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("panel") / "model"
    options = ("--set", "data.id=id", "--set", 'data.timeframes={"1d" = 21, "1w" = 4}', "--horizons", "1,2,7")
    assert sssd("train", CASES / "panel.csv", "--out", out, *options, *overrides).code == 0
    return out


def forecast(model: Path, data: Path, *options: object) -> tuple[Outcome, pd.DataFrame]:
    out = data.with_suffix(".forecast.csv")
    outcome = sssd("forecast", model, data, "--samples", 16, "--steps", 2, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    return outcome, pd.read_csv(out)


@pytest.mark.parametrize(
    ("name", "last", "in_a_year"),
    [
        ("monthly_me", "2022-04-30", "2022-04-30"),
        ("monthly_ms", "2022-04-01", "2022-04-01"),
        ("quarterly", "2026-10-01", "2025-10-01"),
    ],
)
def test_months_are_forecast_by_the_calendar(
    name: str, last: str, in_a_year: str, overrides: list[str], tmp_path: Path
) -> None:
    data = Path(shutil.copy(CASES / f"{name}.csv", tmp_path))
    assert sssd("train", data, "--out", tmp_path / "model", *overrides).code == 0
    _, made = forecast(tmp_path / "model", data)
    assert made["date"].iloc[-1] == last
    assert made["horizon"].tolist() == list(range(1, len(made) + 1))
    _, made = forecast(tmp_path / "model", data, "--horizons", "1y")
    assert made["date"].tolist() == [in_a_year]
    other = CASES / ("quarterly.csv" if name != "quarterly" else "monthly_ms.csv")
    bars, theirs = ("1mo", "1q") if name != "quarterly" else ("1q", "1mo")
    line = error_line(sssd("forecast", tmp_path / "model", other))
    assert line == (
        f"{other}: rows are {theirs} apart, and the model's are {bars}: bring rows of {bars}, or train on rows such as"
        " these"
    )


def odd(panel: pd.DataFrame, what: str) -> pd.DataFrame:
    """``panel`` with something done to series b."""
    b = panel["id"] == "b"
    if what == "constant":
        return panel.assign(y=panel["y"].mask(b, 5.0))
    if what == "empty":
        return panel.assign(y=panel["y"].mask(b))
    return pd.concat([panel[~b], panel[b].head(20 if what == "short" else 600)])


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("constant", ""),
        ("empty", "left out: series 'b': column 'y' has no value"),
        ("short", "left out: too few bars of 1d: series 'b' 20; up to "),
        (
            "early",
            "series 'b' ends at 2023-08-23 00:00:00 UTC, and is forecast from there; the last one ends at 2023-12",
        ),
    ],
)
def test_an_odd_series_of_a_panel_keeps_no_other_from_its_forecast(
    panel: pd.DataFrame, panel_model: Path, tmp_path: Path, what: str, word: str
) -> None:
    data = tmp_path / "panel.csv"
    panel.to_csv(data, index=False)
    _, expected = forecast(panel_model, data)
    odd(panel, what).to_csv(data, index=False)
    outcome, made = forecast(panel_model, data)
    assert outcome.words.count("\n") == bool(word)
    assert outcome.words.startswith(f"warning: {data}: {word}" if word else "")
    assert set(made["id"]) == ({"a", "c"} if word.startswith("left out") else {"a", "b", "c"})
    kept, wanted = (frame[frame["id"] != "b"].reset_index(drop=True) for frame in (made, expected))
    pd.testing.assert_frame_equal(kept, wanted)  # a series has noise of its own
    if what == "constant":
        assert (made.loc[made["id"] == "b", ["mean", "0.05", "0.95"]] == 5.0).all(axis=None)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (
            "constant",
            "left out: series 'b': column 'y': all 700 values are 5; nothing is learnt from a constant, or sc",
        ),
        ("short", "left out: too few bars of 1d: series 'b' 20; up to "),
    ],
)
def test_an_odd_series_of_a_panel_is_left_out_of_training_and_of_scores(
    panel: pd.DataFrame, panel_model: Path, overrides: list[str], tmp_path: Path, what: str, word: str
) -> None:
    data = tmp_path / "panel.csv"
    odd(panel, what).to_csv(data, index=False)
    trained = sssd("train", data, "--out", tmp_path / "model", "--set", "data.id=id", *overrides)
    assert trained.code == 0
    assert trained.words.startswith(f"warning: {data}: {word}")
    assert trained.words.count("\n") == 1
    scored = sssd("evaluate", panel_model, data, "--json", "--max-windows", 9, "--samples", 4, "--steps", 2)
    assert scored.code == 0
    assert scored.words.startswith(f"warning: {data}: {word}")
    assert json.loads(scored.out)["windows"] == 9


@pytest.mark.parametrize(("step", "bars"), [(4, "4h"), (24, "1d")])
def test_bars_of_another_length_are_refused(
    tiny_frame: pd.DataFrame, tiny_model: Path, tiny_engine: Path, tmp_path: Path, step: int, bars: str
) -> None:
    data = tmp_path / "bars.csv"
    tiny_frame.iloc[::step].to_csv(data, index=False)
    for model in (tiny_model, tiny_engine):
        for command in ("forecast", "evaluate"):
            line = error_line(sssd(command, model, data))
            assert line.startswith(f"{data}: rows are {bars} apart, and the model's are 1h: bring rows of 1h")


def test_finer_bars_and_a_mixture_are_refused(tiny_frame: pd.DataFrame, tiny_model: Path, tmp_path: Path) -> None:
    fine = tiny_frame.assign(time=tiny_frame["time"].iloc[0] + pd.to_timedelta(range(0, 3000, 5), unit="min"))
    fine.to_csv(tmp_path / "fine.csv", index=False)
    line = error_line(sssd("forecast", tiny_model, tmp_path / "fine.csv"))
    assert "rows are 5min apart, and the model's are 1h" in line
    later = fine.assign(time=fine["time"] + pd.Timedelta("100D")).head(40)
    pd.concat([tiny_frame, later]).to_csv(tmp_path / "mixed.csv", index=False)
    line = error_line(sssd("forecast", tiny_model, tmp_path / "mixed.csv"))
    assert "rows 601 to 640 (2024-04-10 00:00:00 to 2024-04-10 03:15:00) are 5min apart, and the others 1h" in line


def test_a_price_that_stands_still_is_forecast_but_not_learnt_from(
    tiny_frame: pd.DataFrame, tiny_model: Path, overrides: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "flat.csv"
    tiny_frame.assign(close=1.25).to_csv(data, index=False)
    _, made = forecast(tiny_model, data)
    assert (made["mean"] == 1.25).all()
    for line in (
        error_line(sssd("train", data, "--out", tmp_path / "model", *overrides)),
        error_line(sssd("evaluate", tiny_model, data)),
    ):
        assert line == f"{data}: column 'close': all 600 values are 1.25; nothing is learnt from a constant, or scored"
