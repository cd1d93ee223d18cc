import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.data.numbers import is_number, looks_numeric, read_numbers


def numbers(*texts, **hints):
    return read_numbers(pd.Series(texts, dtype=object), **hints)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["50,51", "1.234,5"], [50.51, 1234.5]),
        (["1,234.5", "12"], [1234.5, 12]),
        (["1 234,5", "7,25"], [1234.5, 7.25]),
        (["1\u00a0234", "12\u202f345\u202f678"], [1234, 12345678]),
        (["1'234.5", "12’345.25"], [1234.5, 12345.25]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["12,34,567.5"], [1234567.5]),
        (["987", "1,024", "2,048"], [987, 1024, 2048]),
        (["1,0875", "1,0880"], [1.0875, 1.088]),
        (["0,875", "0,880"], [0.875, 0.88]),
        (["$1,234.50", "-$7", "($8.25)"], [1234.5, -7, -8.25]),
        (["12%", "-3.5 %"], [12, -3.5]),
        (["(123)", "45-", "−6", "+7"], [-123, -45, -6, 7]),
        (["1.2K", "3.4M", "950", "2B"], [1200, 3.4e6, 950, 2e9]),
        (["1.5 EUR", "EUR 2.5"], [1.5, 2.5]),
        (["1e-3", "2.5E+2"], [0.001, 250]),
        (["1.5", None, "?", "-", " 2.5 "], [1.5, np.nan, np.nan, np.nan, 2.5]),
        ([".5", "5."], [0.5, 5]),
    ],
)
def test_what_can_be_read_in_one_way_is_read(texts, values):
    np.testing.assert_array_equal(numbers(*texts).values, values)


def test_what_can_be_read_in_two_ways_needs_a_word():
    assert numbers("2,034", "2,035").ambiguous == "2,034"
    np.testing.assert_array_equal(numbers("2,034", decimal=".").values, [2034])
    np.testing.assert_array_equal(numbers("2,034", decimal=",").values, [2.034])
    np.testing.assert_array_equal(numbers("2.034", decimal=",").values, [2034])
    np.testing.assert_array_equal(numbers("2,034", fallback=".").values, [2034])


@pytest.mark.parametrize(
    "texts",
    [["1.5", "x"] * 3 + ["2"], ["1.5%", "2"], ["$1", "€2"], ["1.5,5", "2"], ["1,5", "1.5", "2,25"], ["1.2.3.4"],
     ["a", "b"], ["001", "002"], ["2024-01-01"], ["10:30"], ["12 Main St"], ["1_000"], ["0x1F"], ["１２"]],
)  # fmt: skip
def test_what_is_no_number_is_not_read(texts):
    assert numbers(*texts).values is None


def test_almost_numbers_are_told_from_names():
    assert looks_numeric(["12.5 kg", "13 kg"])
    assert looks_numeric(["~5", "<10"])
    assert not looks_numeric(["12 Main St", "4 High Rd"])
    assert is_number("1.234,5")
    assert not is_number("R2D2")


@given(
    st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=4), min_size=1),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", ",")]),
)
def test_numbers_with_marks_read_back(values, marks):
    thousands, decimal = marks
    texts = [f"{v:,.4f}".replace(",", "T").replace(".", decimal).replace("T", thousands) for v in values]
    np.testing.assert_array_equal(numbers(*texts).values, [float(v) for v in values])


@given(st.lists(st.text(alphabet="0123456789.,-+%$()KMe ’'abc", max_size=8), min_size=1, max_size=8))
def test_any_texts_are_read_or_not_without_a_traceback(texts):
    read = numbers(*texts)
    assert read.values is None or read.values.shape == (len(texts),)
