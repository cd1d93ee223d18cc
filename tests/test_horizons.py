"""Horizons as they are asked for, and what a whole series adds to a forecast."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sssd_registry.cli.horizons import horizon_list
from sssd_registry.config import DataConfig, load_config
from sssd_registry.data.frame import read_frame
from sssd_registry.data.origins import last_origins
from sssd_registry.data.panel import read_panel
from sssd_registry.data.spec import resolve
from sssd_registry.data.windows import window_source, windows_at
from sssd_registry.errors import SSSDError
from sssd_registry.horizons import check_horizons, dated_forecast, forecast_of_series, forecast_times, split_horizons

CASES = Path(__file__).parent / "cases"
LONG = "9" * 5000


@pytest.mark.parametrize("text", [LONG, "-" + LONG, LONG + "h", LONG + "." + LONG, "1e999"])
def test_thousands_of_digits_are_one_short_line(text: str) -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))
    with pytest.raises(SSSDError) as error:
        check_horizons(split_horizons(text), spec)
    assert len(str(error.value)) < 200
    with pytest.raises(SSSDError) as error:
        resolve(DataConfig(horizons=(text,)), read_frame(CASES / "full.csv"))
    assert len(str(error.value)) < 200
    with pytest.raises(SSSDError, match=r"^.{,250}$"):
        load_config(None, [f"data.horizons=[{text}]"])


def test_numbers_that_no_float_holds_are_too_far() -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))
    for number in (10**400, 10 ** (sys.get_int_max_str_digits() + 1)):
        with pytest.raises(SSSDError, match=r"outside of 1 to 14 bars of 1d"):
            check_horizons([number], spec)
        with pytest.raises(SSSDError, match=r"farther than 1,000,000 bars"):
            resolve(DataConfig(horizons=(number,)), read_frame(CASES / "full.csv"))


def test_horizons_of_months() -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "monthly_me.csv"))
    assert check_horizons(["1q", "1y", "2mo", 5], spec) == [2, 3, 5, 12]
    with pytest.raises(SSSDError, match="horizon 30d is not a whole number of 1mo bars: give it in bars, mo, q or y"):
        check_horizons(["30d"], spec)
    with pytest.raises(SSSDError, match=r"horizon 13 is outside of 1 to 12 bars of 1mo"):
        check_horizons([13], spec)
    assert horizon_list("1q,1y", "bars") == '["1q", "1y"]'


def test_a_constant_is_forecast_as_it_is_and_times_follow_the_whole_series() -> None:
    months = pd.read_csv(CASES / "monthly_me.csv")
    frame = pd.concat([months.assign(id="a"), months.assign(id="flat", sales=5.0)])
    spec = resolve(DataConfig(id="id"), read_frame(frame, DataConfig(id="id")))
    source = window_source(read_panel(frame, spec), spec)
    origins = last_origins(source)
    samples = np.random.default_rng(0).normal(size=(2, 30, 2, 1))
    made = forecast_of_series(dated_forecast(samples, windows_at(source, origins), spec, [1, 2]), source, origins)
    np.testing.assert_array_equal(made.samples[0], samples[0])
    np.testing.assert_array_equal(made.samples[1], 5.0)
    assert made.times.astype("datetime64[D]").astype(str).tolist() == [["2021-05-31", "2021-06-30"]] * 2


def test_a_fraction_falls_on_the_bar_it_reaches_into() -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))
    days = np.arange(70) * 86400
    times = forecast_times([days], spec, [1, 1.5, 2, 2.0001])[0]
    after = (times - np.datetime64(int(days[-1]), "s")) / np.timedelta64(1, "D")
    assert after.tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("text", "unit", "bars"),
    [
        ("1:4", "bars", [1, 2, 3, 4]),
        ("1d:7d:2d", "bars", [1, 3, 5, 7]),
        ("1:6:2, 14", "bars", [1, 3, 5, 14]),
        ("1440:4320", "min", [1, 2, 3]),
        ("1440:4320:2880", "min", [1, 3]),
        ("3:3", "bars", [3]),
    ],
)
def test_a_range_is_every_bar_of_it_with_its_last(text: str, unit: str, bars: list[int]) -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))  # days
    assert check_horizons(split_horizons(text, unit), spec) == bars
    if unit == "bars":
        assert check_horizons(text, spec) == bars
    config = load_config(None, [f"data.horizons={horizon_list(text, unit)}"])
    assert list(resolve(config.data, read_frame(CASES / "full.csv")).horizons) == bars


@pytest.mark.parametrize("text", ["10:24:12", "[10:24:12]", "10:24:12,50", '["10:24:12"]'])
def test_a_range_that_toml_takes_for_a_time_of_day_is_one(text: str) -> None:
    horizons = load_config(None, [f"data.horizons={text}"]).data.horizons
    assert resolve(DataConfig(horizons=horizons), read_frame(CASES / "full.csv")).horizons[:2] == (10, 22)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("24:1", "24:1 end before they begin"),
        ("1:", "'1:' is no range of horizons; expected FIRST:LAST"),
        ("1:2:3:4", "expected FIRST:LAST or FIRST:LAST:STEP"),
        ("1:9:0", "horizon 0 is not positive"),
        ("1:15", "horizon 15 is outside of 1 to 14 bars"),
        ("1:3000000", "farther than 1,000,000 bars"),
        ("1:x", "'x' is not a duration"),
        ("", "--horizons is empty"),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(text: str, what: str) -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))
    with pytest.raises(SSSDError, match=what):
        check_horizons(text, spec)


def test_a_number_is_no_list_of_horizons() -> None:
    spec = resolve(DataConfig(), read_frame(CASES / "full.csv"))
    with pytest.raises(SSSDError, match=r"such as \[5\], or a range of bars, such as '1:5'"):
        check_horizons(5, spec)  # type: ignore[arg-type]
