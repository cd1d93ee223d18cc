import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from synthetic_frames import business_days, currency_hours, currency_minutes, make_spec, ohlcv

from sssd_registry.config import DataConfig
from sssd_registry.data.panel import to_panel
from sssd_registry.data.source import window_source
from sssd_registry.data.spec import DataSpec, Timeframe, resolve
from sssd_registry.data.split import split_origins
from sssd_registry.errors import SSSDError


def lookbacks(spec):
    return {timeframe.name: timeframe.lookback for timeframe in spec.timeframes}


def test_hours_of_a_currency():
    spec = resolve(DataConfig(), currency_hours())
    assert (spec.time, spec.targets, spec.bar_seconds, spec.source_seconds) == (
        "time",
        ("close",),
        3600,
        3600,
    )
    assert lookbacks(spec) == {"1h": 168, "4h": 42, "1d": 7}
    assert (spec.horizons, spec.season, spec.base) == ((1, 4, 24), 24, Timeframe("1h", 3600, 168))


def test_minutes_of_a_currency():
    spec = resolve(DataConfig(), currency_minutes())
    assert lookbacks(spec) == {"1min": 240, "5min": 48, "15min": 16, "1h": 4}
    assert (spec.horizons, spec.season) == ((15, 60, 240), 1440)


def test_business_days():
    spec = resolve(DataConfig(targets="all"), business_days())
    assert (spec.targets, spec.target_indices, spec.roles) == (("gbp", "jpy"), (0, 1), ("value", "value"))
    assert lookbacks(spec) == {"1d": 60, "1w": 12}
    assert (spec.horizons, spec.season) == ((1, 5, 20), 5)


@pytest.mark.parametrize(
    ("freq", "season", "horizons"),
    [("5min", 288, (3, 12, 48)), ("15min", 96, (1, 4, 16)), ("4h", 6, (1, 4, 24)), ("1D", 7, (1, 5, 20))],
)
def test_data_without_gaps(freq, season, horizons):
    spec = resolve(DataConfig(), ohlcv(pd.date_range("2024-01-01", periods=3000, freq=freq)))
    assert (spec.season, spec.horizons) == (season, horizons)


def test_weeks_have_a_year_as_season_and_no_coarser_timeframe():
    spec = resolve(DataConfig(), ohlcv(pd.date_range("2000-01-03", periods=800, freq="7D")))
    assert (spec.season, spec.horizons, lookbacks(spec)) == (52, (1, 4, 12), {"1w": 60})


def test_exchange_hours_have_short_days():
    times = pd.DatetimeIndex(
        [
            day + pd.Timedelta(hours=14.5 + hour)
            for day in pd.bdate_range("2022-01-03", periods=300)
            for hour in range(7)
        ]
    )
    spec = resolve(DataConfig(), ohlcv(times))
    assert (spec.bar_seconds, spec.season) == (3600, 7)
    assert lookbacks(spec)["1d"] == 168 / 7


@pytest.mark.parametrize("rows", [300, 700, 2000])
@pytest.mark.parametrize("make", [currency_hours, currency_minutes, business_days])
def test_defaults_leave_something_to_train_and_validate_on_in_short_data(make, rows):
    frame = make().head(rows)
    spec = resolve(DataConfig(targets="all"), frame)
    split = split_origins(window_source(to_panel(frame, spec), spec), spec, spec.horizons)
    assert len(split.train) >= rows // 4
    assert len(split.validation) >= 10
    assert len(split.test) >= 10


def test_configured_timeframes_set_the_bar_and_their_lookbacks():
    config = DataConfig(timeframes={"15min": 166, "5min": 500, "60min": 41, "4h": 10}, horizons=("15min", "1h", "4h"))
    spec = resolve(config, currency_minutes())
    assert (spec.source_seconds, spec.bar_seconds) == (60, 300)
    assert lookbacks(spec) == {"5min": 500, "15min": 166, "1h": 41, "4h": 10}
    assert (spec.horizons, spec.season) == ((3, 12, 48), 288)


def test_the_bar_is_the_most_frequent_difference_and_can_be_set():
    days = business_days()
    assert resolve(DataConfig(targets="gbp"), days).source_seconds == 86400
    assert resolve(DataConfig(bar="7D", targets="gbp"), days).source_seconds == 604800


def test_panels_are_judged_within_each_series():
    parts = [currency_hours(weeks).assign(symbol=name) for weeks, name in ((9, "a"), (12, "b"), (10, "c"))]
    panel = pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)
    spec = resolve(DataConfig(id="symbol"), panel)
    assert (spec.id, spec.bar_seconds, spec.season) == ("symbol", 3600, 24)
    assert "symbol" not in spec.columns


def test_a_spec_survives_json():
    spec = resolve(DataConfig(target_kind="log-return", timestamps="end"), currency_hours())
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
        resolve(config, currency_hours(weeks=4))


def test_one_row_says_nothing_about_its_length():
    with pytest.raises(SSSDError, match=r"no series has two rows.*--set data\.bar=1h"):
        resolve(DataConfig(), currency_hours().head(1))


def test_newest_first_is_the_same_data_and_partly_sorted_rows_are_an_error():
    hours = currency_hours()
    assert resolve(DataConfig(), hours.iloc[::-1]) == resolve(DataConfig(), hours)
    with pytest.raises(SSSDError, match=r"row 2: .* is earlier than row 1"):
        resolve(DataConfig(), pd.concat([hours[1:2], hours[:1], hours[2:]]))


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
    assert resolve(DataConfig(horizons=(1,), timeframes={"1D" if freq == "D" else "1h": 8}), frame).periods == expected
