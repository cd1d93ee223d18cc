import numpy as np
import pandas as pd
import pytest

from sssd_registry.data.frame import read_frame
from sssd_registry.data.order import series_rows
from sssd_registry.errors import SSSDError


def frame(days, ids=None):
    columns = {"time": [f"2024-01-{day:02d}" for day in days], "close": 1.0}
    return read_frame(pd.DataFrame(columns | ({} if ids is None else {"id": ids})))


def test_interleaved_series_keep_their_own_rows():
    one, two = series_rows(frame([1, 1, 2, 3, 2], [7, 8, 7, 7, 8]), "time", "id")
    assert (one.id, two.id) == ("7", "8")
    np.testing.assert_array_equal(one.rows, [0, 2, 3])
    np.testing.assert_array_equal(two.rows, [1, 4])
    np.testing.assert_array_equal(np.diff(one.times), [86400, 86400])


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ([1, 2, 2, 3], r"column 'time', row 3: 2024-01-02 .* repeats row 2: 2024-01-02.*data\.id=NAME"),
        ([1, 3, 2], r"column 'time', row 3: 2024-01-02 .* is earlier than row 2: 2024-01-03.*sort the rows"),
    ],
)
def test_times_that_do_not_ascend_name_both_rows(days, message):
    with pytest.raises(SSSDError, match=message):
        series_rows(frame(days), "time", None)


def test_rows_within_one_second_are_an_error():
    fast = read_frame(pd.DataFrame({"time": ["2024-01-01 00:00:00.1", "2024-01-01 00:00:00.6"], "close": 1.0}))
    with pytest.raises(SSSDError, match=r"row 2: .*00\.6.* lies in the same second as row 1"):
        series_rows(fast, "time", None)


def test_in_a_panel_only_rows_of_one_series_are_compared_and_rows_are_those_of_the_file():
    with pytest.raises(SSSDError, match=r"series 'b', row 5: 2024-01-04 .* repeats row 2: 2024-01-04"):
        series_rows(frame([1, 4, 2, 3, 4], ["a", "b", "a", "a", "b"]), "time", "id")


def test_ids_must_be_there():
    with pytest.raises(SSSDError, match=r"column 'id', row 2: the id is empty"):
        series_rows(frame([1, 2], ["a", None]), "time", "id")
