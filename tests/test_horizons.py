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
from sssd_registry.data.panel import read_panel
from sssd_registry.data.spec import resolve
from sssd_registry.data.windows import last_origins, window_source, windows_at
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
