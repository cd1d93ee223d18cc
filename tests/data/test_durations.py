import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data.durations import (
    Length,
    calendar_length,
    format_duration,
    format_months,
    parse_duration,
    parse_horizons,
    parse_length,
)
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


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("1mo", 1),
        ("mo", 1),
        ("6mo", 6),
        ("ME", 1),
        ("2MS", 2),
        ("1q", 3),
        ("QS", 3),
        ("2QE", 6),
        ("1Y", 12),
        ("YS", 12),
    ],
)
def test_lengths_of_the_calendar_are_read(text, months):
    assert parse_length(text) == calendar_length(months)
    with pytest.raises(SSSDError, match="no fixed length"):
        parse_duration(text)


@given(st.integers(1, 5000))
def test_months_are_written_as_they_are_read(months):
    assert parse_length(format_months(months)) == calendar_length(months)
    assert str(calendar_length(months)) == format_months(months)


@pytest.mark.parametrize(("months", "days"), [(1, 31), (3, 92), (6, 184), (12, 366), (24, 732)])
def test_bars_of_the_calendar_leave_no_gap(months, days):
    assert calendar_length(months).seconds == days * 86400


def test_horizons_in_months():
    assert parse_horizons(["1y", "1q", 2], calendar_length(1)) == (2, 3, 12)
    assert parse_horizons(["1y"], calendar_length(3)) == (4,)
    with pytest.raises(SSSDError, match=r"horizon 1mo is not a whole number of 1q bars; nearest: 1q$"):
        parse_horizons(["1mo"], calendar_length(3))
    with pytest.raises(SSSDError, match="horizon 7mo is not a whole number of 1q bars; nearest: 6mo or 9mo"):
        parse_horizons(["7mo"], calendar_length(3))
    with pytest.raises(SSSDError, match="give it in bars, mo, q or y"):
        parse_horizons([60], calendar_length(1), "min")
    with pytest.raises(SSSDError, match="give it in bars, or a duration such as 5d"):
        parse_horizons(["1mo"], Length(86400))
