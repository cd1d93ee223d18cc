import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data.durations import format_duration, parse_duration, parse_horizons
from sssd_registry.errors import SSSDError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5min", 300),
        ("5m", 300),
        ("15min", 900),
        ("1h", 3600),
        ("4H", 14400),
        ("1D", 86400),
        ("1d", 86400),
        ("1w", 604800),
        (" 2 h ", 7200),
    ],
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@given(st.integers(1, 10**9))
def test_format_is_the_inverse_of_parse(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1s"),
        (300, "5min"),
        (5400, "90min"),
        (3600, "1h"),
        (86400, "1d"),
        (7 * 86400, "1w"),
        (8 * 86400, "8d"),
    ],
)
def test_format_uses_the_largest_unit(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "-5min", "1.5h", "1M", "0min", "min 5"])
def test_what_is_no_duration_is_an_error_that_repeats_it(text):
    with pytest.raises(SSSDError, match=repr(text)):
        parse_duration(text)


@given(st.sets(st.integers(1, 500), min_size=1))
def test_plain_numbers_and_durations_name_the_same_horizons(bars):
    numbers = parse_horizons([*bars], 300)
    assert numbers == tuple(sorted(bars))
    assert parse_horizons([str(n) for n in bars], 300) == numbers
    assert parse_horizons([format_duration(300 * n) for n in bars], 300) == numbers
    assert parse_horizons([5 * n for n in bars], 300, "min") == numbers


def test_durations_and_bars_mix_and_come_sorted():
    assert parse_horizons(["4h", 1, "30min"], 900) == (1, 2, 16)


@pytest.mark.parametrize(
    ("values", "unit", "message"),
    [
        (["7min"], "bars", "not a whole number of 5min bars; nearest: 5min or 10min"),
        (["2min"], "bars", "not a whole number of 5min bars; nearest: 5min$"),
        ([7], "min", "horizon 7min is not a whole number of 5min bars; nearest: 5min or 10min"),
        ([0], "bars", "horizon 0 is not positive"),
        (["-3"], "bars", "horizon -3 is not positive"),
        ([12, "1h"], "bars", "12 and 1h are the same"),
        ([], "bars", "no horizons"),
        (["soon"], "bars", "'soon' is not a duration"),
    ],
)
def test_horizons_that_do_not_fit_are_errors(values, unit, message):
    with pytest.raises(SSSDError, match=message):
        parse_horizons(values, 300, unit)
