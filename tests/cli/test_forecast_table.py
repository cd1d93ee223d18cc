"""The forecast that ``sssd forecast`` prints: 80 columns, and the digits that tell its numbers apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runner import sssd
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sssd_registry.cli.forecast_table import COLUMNS, forecast_lines, number_texts
from sssd_registry.forecast import Forecast

STEP = np.array([1, 4, 24], dtype="timedelta64[h]")


def make(center: float = 1.2, spread: float = 1e-3, **changes: Any) -> Forecast:
    origins = np.array(["2018-01-05T22:00"], dtype="datetime64[ns]")
    fields: dict[str, Any] = {
        "samples": np.random.default_rng(0).normal(center, spread, (1, 100, 3, 1)),
        "horizons": (1, 4, 24),
        "targets": ("Close",),
        "series": np.array([""], dtype=object),
        "origin_times": origins,
        "times": origins[:, None] + STEP,
    }
    return Forecast(**fields | changes)


def test_rows_hold_the_mean_and_three_quantiles() -> None:
    forecast = make()
    head, title, *rows = forecast_lines(forecast)
    assert head.split() == ["horizon", "time", "mean", "5", "%", "50", "%", "95", "%"]
    assert title == "Close, after 2018-01-05 22:00 UTC"
    assert len(rows) == 3
    for index, row in enumerate(rows):
        horizon, day, hour, *numbers = row.split()
        assert (horizon, f"{day}T{hour}") == (str((1, 4, 24)[index]), str(forecast.times[0, index])[:16])
        right = [forecast.mean[0, index, 0], *forecast.quantile([0.05, 0.5, 0.95])[:, 0, index, 0]]
        np.testing.assert_allclose([float(number) for number in numbers], right, atol=0.5e-5)


def test_midnights_are_days_and_seconds_are_kept() -> None:
    midnight = np.array(["2018-01-31"], dtype="datetime64[ns]")
    days = make(origin_times=midnight, times=midnight[:, None] + STEP * 24)
    assert list(forecast_lines(days))[1:3][0] == "Close, after 2018-01-31"
    assert ":" not in "".join(forecast_lines(days))
    seconds = make(times=make().times + np.timedelta64(5, "s"))
    assert "23:00:05" in list(forecast_lines(seconds))[2]


def test_each_series_and_target_has_a_line_of_its_own() -> None:
    two = np.array(["2018-01-05T22:00", "2018-01-05T20:00"], dtype="datetime64[ns]")
    samples = np.random.default_rng(0).normal(1, 1, (2, 10, 3, 2)) * [1, 1e6]
    forecast = make(
        samples=samples, targets=("Close", "Volume"), series=np.array(["EUR", "GBP"], dtype=object),
        origin_times=two, times=two[:, None] + STEP, id_column="pair",
    )  # fmt: skip
    lines = list(forecast_lines(forecast))
    assert [line for line in lines if "after" in line] == [
        "Close of EUR, after 2018-01-05 22:00 UTC",
        "Volume of EUR, after 2018-01-05 22:00 UTC",
        "Close of GBP, after 2018-01-05 20:00 UTC",
        "Volume of GBP, after 2018-01-05 20:00 UTC",
    ]
    assert len(lines) == 1 + 4 + 4 * 3


@given(
    exponents=st.tuples(st.integers(-300, 300), st.integers(-12, 3)),
    names=st.tuples(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300)),
    horizon=st.sampled_from([24, 100_000, 1.234567891]),
)
def test_lines_fit_whatever_the_names_and_numbers(
    exponents: tuple[int, int], names: tuple[str, str], horizon: float
) -> None:
    center = 10.0 ** exponents[0]
    forecast = make(
        -center, center * 10.0 ** exponents[1], targets=names[:1], series=np.array(names[1:], dtype=object),
        id_column="id", horizons=(1, 4, horizon), times=make().times + np.timedelta64(1, "s"),
    )  # fmt: skip
    lines = list(forecast_lines(forecast))
    assert max(map(cell_len, lines)) <= COLUMNS
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((1.3e-5, -2.21e-5, 1.2e-5, 4.19e-5), ["0.0000130", "-0.0000221", "0.0000120", "0.0000419"]),
        ((1.3e-9, -2.21e-9, 1.2e-9, 4.19e-9), ["1.300e-09", "-2.210e-09", "1.200e-09", "4.190e-09"]),
        ((1234567.8, 1230000.4, 1234560, 1239999), ["1234568", "1230000", "1234560", "1239999"]),
        ((1.20347, 1.20221, 1.20345, 1.20465), ["1.20347", "1.20221", "1.20345", "1.20465"]),
        ((-1.5e120, -2e120, -1.5e120, 0), ["-1.50e+120", "-2.00e+120", "-1.50e+120", "0.00e+00"]),
        ((7, 7, 7, 7), ["7.00"] * 4),
        ((0, 0, 0, 0), ["0"] * 4),
        ((-1e-7, -0.4, 0, 0.4), ["0.000", "-0.400", "0.000", "0.400"]),
    ],
)
def test_numbers_keep_the_digits_that_tell_them_apart(values: tuple[float, ...], texts: list[str]) -> None:
    assert number_texts(np.array([values], dtype=np.float64)) == [texts]


def test_the_command_prints_it(tiny_model: Path, tiny_csv: Path) -> None:
    outcome = sssd("forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 8)
    assert outcome.code == 0, outcome.err
    head, title, *rows = outcome.out.splitlines()
    assert head.startswith("horizon")
    assert ", after 20" in title
    assert rows
    assert max(map(len, outcome.out.splitlines())) <= COLUMNS
