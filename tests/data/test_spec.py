import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from synthetic_frames import business_days, currency_hours, currency_minutes, make_spec, ohlcv, resolved

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.panel import read_panel
from sssd_registry.data.source import window_source
from sssd_registry.data.spec import DataSpec, Timeframe
from sssd_registry.data.split import split_origins
from sssd_registry.errors import DataWarning, SSSDError


def lookbacks(spec):
    return {timeframe.name: timeframe.lookback for timeframe in spec.timeframes}


def test_hours_of_a_currency():
    spec = resolved(DataConfig(), currency_hours())
    assert (spec.time, spec.targets, spec.bar_seconds, spec.source_seconds) == (
        "time",
        ("close",),
        3600,
        3600,
    )
    assert lookbacks(spec) == {"1h": 168, "4h": 42, "1d": 7}
    assert (spec.horizons, spec.season, spec.base) == ((1, 4, 24), 24, Timeframe("1h", 3600, 168))


def test_minutes_of_a_currency():
    spec = resolved(DataConfig(), currency_minutes())
    assert lookbacks(spec) == {"1min": 240, "5min": 48, "15min": 16, "1h": 4}
    assert (spec.horizons, spec.season) == ((15, 60, 240), 1440)


def test_business_days():
    spec = resolved(DataConfig(targets="all"), business_days())
    assert (spec.targets, spec.target_indices, spec.roles) == (("gbp", "jpy"), (0, 1), ("value", "value"))
    assert lookbacks(spec) == {"1d": 60, "1w": 12}
    assert (spec.horizons, spec.season) == ((1, 5, 20), 5)


@pytest.mark.parametrize(
    ("freq", "season", "horizons"),
    [("5min", 288, (3, 12, 48)), ("15min", 96, (1, 4, 16)), ("4h", 6, (1, 4, 24)), ("1D", 7, (1, 5, 20))],
)
def test_data_without_gaps(freq, season, horizons):
    spec = resolved(DataConfig(), ohlcv(pd.date_range("2024-01-01", periods=3000, freq=freq)))
    assert (spec.season, spec.horizons) == (season, horizons)


def test_weeks_have_a_year_as_season_and_no_coarser_timeframe():
    spec = resolved(DataConfig(), ohlcv(pd.date_range("2000-01-03", periods=800, freq="7D")))
    assert (spec.season, spec.horizons, lookbacks(spec)) == (52, (1, 4, 12), {"1w": 60})


def test_exchange_hours_have_short_days():
    times = pd.DatetimeIndex(
        [
            day + pd.Timedelta(hours=14.5 + hour)
            for day in pd.bdate_range("2022-01-03", periods=300)
            for hour in range(7)
        ]
    )
    spec = resolved(DataConfig(), ohlcv(times))
    assert (spec.bar_seconds, spec.season) == (3600, 7)
    assert lookbacks(spec)["1d"] == 168 / 7


@pytest.mark.parametrize("rows", [300, 700, 2000])
@pytest.mark.parametrize("make", [currency_hours, currency_minutes, business_days])
def test_defaults_leave_something_to_train_and_validate_on_in_short_data(make, rows):
    frame = make().head(rows)
    spec = resolved(DataConfig(targets="all"), frame)
    split = split_origins(window_source(read_panel(frame, spec), spec), spec, spec.horizons)
    assert len(split.train) >= rows // 4
    assert len(split.validation) >= 10
    assert len(split.test) >= 10


def test_configured_timeframes_set_the_bar_and_their_lookbacks():
    config = DataConfig(timeframes={"15min": 166, "5min": 500, "60min": 41, "4h": 10}, horizons=("15min", "1h", "4h"))
    spec = resolved(config, currency_minutes())
    assert (spec.source_seconds, spec.bar_seconds) == (60, 300)
    assert lookbacks(spec) == {"5min": 500, "15min": 166, "1h": 41, "4h": 10}
    assert (spec.horizons, spec.season) == ((3, 12, 48), 288)


def test_the_bar_is_the_most_frequent_difference_and_can_be_set():
    days = business_days()
    assert resolved(DataConfig(targets="gbp"), days).source_seconds == 86400
    assert resolved(DataConfig(bar="24h", targets="gbp"), days).source_seconds == 86400
    with pytest.warns(DataWarning, match=r"data\.bar is 1h, and rows are 1d apart: the bars in between are taken as m"):
        spec = resolved(DataConfig(bar="1h", targets="gbp"), days)
    assert (spec.source_seconds, spec.step.seconds) == (3600, 86400)
    assert len(read_panel(days, spec).series[0].times) == len(days)  # rows as far apart as in training


def test_panels_are_judged_within_each_series():
    parts = [currency_hours(weeks).assign(symbol=name) for weeks, name in ((9, "a"), (12, "b"), (10, "c"))]
    panel = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    spec = resolved(DataConfig(id="symbol"), panel)
    assert (spec.id, spec.bar_seconds, spec.season) == ("symbol", 3600, 24)
    assert "symbol" not in spec.columns


def test_a_spec_survives_json():
    spec = resolved(DataConfig(target_kind="log-return", timestamps="end"), currency_hours())
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec
    # Models and engines saved before there were settings of the reading.
    before = spec.model_dump(exclude={"timezone", "decimal", "date_order", "step_length"})
    assert DataSpec.model_validate(before) == spec
    assert isinstance(DataSpec.model_validate_json(spec.model_dump_json()).base, Timeframe)


@pytest.mark.parametrize(
    "changes",
    [{"roles": ("close",)}, {"targets": ("nothing",)}, {"targets": ()}, {"bar_seconds": 7}, {"new": 1}],
)
def test_a_spec_that_contradicts_itself_is_refused(changes):
    with pytest.raises(ValidationError):
        make_spec({("1h", 3600): 8}, **changes)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(time="tiem"), "no time column 'tiem'.*did you mean 'time'"),
        (DataConfig(id="symbl"), r"no column 'symbl' \(data\.id\)"),
        (DataConfig(targets=("clse",)), "did you mean 'close'"),
        (DataConfig(bar="1 lightyear"), "is not a duration"),
        (DataConfig(timeframes={"30min": 10}), "30min is not a whole number of 1h rows"),
        (
            DataConfig(timeframes={"2h": 10, "3h": 9}),
            "3h is not a whole number of 2h bars, the finest timeframe",
        ),
        (DataConfig(timeframes={"1h": 10, "60min": 9}), "1h is named twice"),
        (DataConfig(timeframes={"1h": 0}), "lookback of 1h must be 1 or more, got 0"),
        (DataConfig(horizons=("90min",)), "not a whole number of 1h bars; nearest: 1h or 2h"),
        (DataConfig(horizons=(1, "1h")), "are the same"),
    ],
)
def test_a_configuration_that_does_not_fit_the_data_is_an_error(config, message):
    with pytest.raises(SSSDError, match=message):
        resolved(config, currency_hours(weeks=4))


def test_one_row_says_nothing_about_its_length():
    with pytest.raises(SSSDError, match=r"no series has two rows.*--set data\.bar=1h"):
        resolved(DataConfig(), currency_hours().head(1))


def test_newest_first_is_the_same_data_and_partly_sorted_rows_are_an_error():
    hours = currency_hours()
    assert resolved(DataConfig(), hours.iloc[::-1]) == resolved(DataConfig(), hours)
    with pytest.raises(SSSDError, match=r"row 2: .* is earlier than row 1"):
        resolved(DataConfig(), pd.concat([hours[1:2], hours[:1], hours[2:]]))


@pytest.mark.parametrize(
    ("freq", "rows", "expected"),
    [
        ("h", 90, ()),
        ("h", 24 * 6, (86_400,)),
        ("h", 24 * 40, (86_400, 604_800)),
        ("D", 20, ()),
        ("D", 1600, (604_800, 31_556_952)),
    ],
)
def test_the_calendar_is_looked_at_as_far_as_the_data_repeat_it(
    freq: str, rows: int, expected: tuple[int, ...]
) -> None:
    """In a single year the day of the year is a date, and a network would learn it by heart."""
    times = pd.date_range("2020-01-01", periods=rows, freq=freq)
    frame = pd.DataFrame({"time": times, "value": np.sin(np.arange(rows))})
    assert resolved(DataConfig(horizons=(1,), timeframes={"1D" if freq == "D" else "1h": 8}), frame).periods == expected


CASES = Path(__file__).parent.parent / "cases"


def plain(times: pd.DatetimeIndex) -> pd.DataFrame:
    """Numbers that are no prices."""
    return pd.DataFrame({"time": times, "value": np.random.default_rng(3).normal(size=len(times))})


@pytest.mark.parametrize(
    ("name", "bar", "season", "horizons", "lookback"),
    [
        ("monthly_me", "1mo", 12, range(1, 13), 24),
        ("monthly_ms", "1mo", 12, range(1, 13), 24),
        ("quarterly", "1q", 4, range(1, 9), 20),
        ("yearly", "1y", 1, range(1, 7), 17),
    ],
)
def test_months_quarters_and_years(name: str, bar: str, season: int, horizons: range, lookback: int) -> None:
    spec = resolved(DataConfig(), read_frame(CASES / f"{name}.csv"))
    assert (str(spec.bar), spec.season, spec.horizons) == (bar, season, tuple(horizons))
    assert lookbacks(spec) == {bar: lookback}
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec
    assert resolved(DataConfig(bar=bar, timeframes={bar: lookback}), read_frame(CASES / f"{name}.csv")) == spec


def test_stamps_at_the_end_of_months_move_the_bars_by_a_month() -> None:
    frame = read_frame(CASES / "monthly_me.csv")
    spec = resolved(DataConfig(timestamps="end"), frame)
    times = read_panel(frame, spec).series[0].times.astype("datetime64[s]").astype("datetime64[D]")
    assert [str(times[0]), str(times[1]), str(times[-1])] == ["2007-12-31", "2008-01-31", "2021-03-31"]


def test_a_model_from_before_there_were_months_is_read() -> None:
    stored = json.loads(resolved(DataConfig(), currency_hours()).model_dump_json())
    for name in ("bar_months", "step_seconds"):
        del stored[name]
    spec = DataSpec.model_validate(stored)
    assert (str(spec.bar), str(spec.step)) == ("1h", "1h")


def test_missing_days_are_missing_values_and_no_shorter_week() -> None:
    full = resolved(DataConfig(), read_frame(CASES / "full.csv"))
    some = resolved(DataConfig(), read_frame(CASES / "missing30.csv"))
    assert (full.season, some.season) == (7, 7)
    assert [(one.gaps, one.holes) for one in (full, some)] == [("natural", False), ("missing", True)]
    assert full.horizons == some.horizons == tuple(range(1, 15))


@pytest.mark.parametrize(
    ("freq", "season", "horizons"),
    [
        ("h", 24, range(1, 25)),
        ("4h", 6, range(1, 13)),
        ("15min", 96, (1, *range(4, 97, 4))),
        ("D", 7, range(1, 15)),
        ("B", 5, (1, 5, 20)),
        ("W-SUN", 52, range(1, 14)),
    ],
)
@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_horizons_show_a_season_where_there_is_one(freq: str, season: int, horizons: object, kept: float) -> None:
    times = pd.date_range("2020-01-01", periods=3000, freq=freq)
    if kept < 1 and freq in ("h", "4h", "15min", "D"):
        times = times[np.random.default_rng(0).random(3000) < kept]
    spec = resolved(DataConfig(), plain(times))
    assert spec.gaps == ("missing" if len(times) < 3000 else "natural")
    assert (spec.season, spec.horizons) == (season, tuple(horizons))  # type: ignore[call-overload]


def test_rows_at_irregular_times_need_a_bar_and_the_advice_works() -> None:
    seconds = np.random.default_rng(0).integers(3, 60, 4000).cumsum()
    frame = plain(pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s"))
    with pytest.raises(SSSDError, match=r"irregular times .*--set data\.timeframes='\{\"5min\" = 60\}'"):
        resolved(DataConfig(), frame)
    spec = resolved(DataConfig(timeframes={"5min": 60}), frame)
    assert (spec.source_seconds, spec.bar_seconds) == (1, 300)
    (series,) = read_panel(frame, spec).series
    assert len(series.times) == pytest.approx(seconds[-1] / 300, abs=2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(bar="7D"), r"data\.bar, the length of a row, is 1w, and rows are 1d apart; .*'\{\"1w\" = 60\}'"),
        (DataConfig(bar="1mo"), r"data\.bar is 1mo, and rows are 1d apart: bring one row for each 1mo"),
        (DataConfig(timeframes={"1mo": 12}), r"1mo cannot be put together from rows of 1d; look at these: .*\"1d\" ="),
        (DataConfig(timeframes={"1d": 10**9}), r"the lookback of 1d is more than 1,000,000 bars"),
        (DataConfig(horizons=("1mo",)), r"horizon 1mo is not a whole number of 1d bars"),
    ],
)
def test_lengths_that_do_not_fit_the_rows(config: DataConfig, message: str) -> None:
    with pytest.raises(SSSDError, match=message):
        resolved(config.model_copy(update={"targets": ("gbp",)}), business_days())


@pytest.mark.parametrize("text", ["3mo", "31d", "1w"])
def test_months_are_looked_at_in_their_own_length_only(text: str) -> None:
    with pytest.raises(SSSDError, match=r"cannot be put together from rows of 1mo; look at these: .*\"1mo\" = 9"):
        resolved(DataConfig(timeframes={text: 9}), read_frame(CASES / "monthly_ms.csv"))


def test_stamps_at_the_end_of_bars_are_the_same_bars() -> None:
    """An evening session of seven hours a week, whose last bar ends on the next day."""
    fridays = pd.date_range("2023-01-06", periods=80, freq="7D")
    starts = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in fridays for hour in range(17, 24)])
    values = np.random.default_rng(0).normal(size=len(starts)).cumsum()
    spec = resolved(DataConfig(), pd.DataFrame({"time": starts, "close": values}))
    ends = pd.DataFrame({"time": starts + pd.Timedelta(hours=1), "close": values})
    assert resolved(DataConfig(timestamps="end"), ends) == spec.model_copy(update={"timestamps": "end"})
    assert resolved(DataConfig(), ends).season != spec.season
