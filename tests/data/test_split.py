import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_frames import currency_hours, make_spec

from sssd_registry.data.origins import all_origins
from sssd_registry.data.panel import read_panel
from sssd_registry.data.split import origins_from, split_origins
from sssd_registry.data.windows import window_source
from sssd_registry.errors import SSSDError

LOOKBACKS = {("1h", 3600): 20, ("4h", 14400): 6}
HOURS = currency_hours(weeks=6)
LATER = HOURS.iloc[200:].assign(symbol="b", close=lambda f: f["close"] * 2)
FRAME = pd.concat([HOURS.assign(symbol="a"), LATER], ignore_index=True)


def prepare(**changes):
    spec = make_spec(LOOKBACKS, id="symbol", **changes)
    return window_source(read_panel(FRAME, spec), spec), spec


def starts(source, origins, ahead=0):
    return np.array([source.panel.series[s].times[r + ahead] for s, r in zip(origins.series, origins.row, strict=True)])


@settings(deadline=None, max_examples=25)
@given(validation=st.floats(0.1, 0.4), test=st.floats(0, 0.4), farthest=st.integers(1, 24))
def test_the_parts_do_not_touch(validation, test, farthest):
    source, spec = prepare(validation_fraction=validation, test_fraction=test)
    split = split_origins(source, spec, (1, farthest))
    assert (starts(source, split.train, farthest) < split.validation_start).all()
    assert (starts(source, split.validation) >= split.validation_start).all()
    assert (starts(source, split.validation, farthest) < split.test_start).all()
    assert (starts(source, split.test) >= split.test_start).all()
    everything = len(all_origins(source, max_horizon=farthest))
    # What is lost at the two boundaries: origins whose future crosses them.
    lost = everything - len(split.train) - len(split.validation) - len(split.test)
    assert 0 <= lost <= 2 * 2 * farthest


def test_the_fractions_are_those_of_the_rows():
    source, spec = prepare(validation_fraction=0.2, test_fraction=0.1)
    split = split_origins(source, spec, (1,))
    times = np.concatenate([series.times for series in source.panel.series])
    assert np.mean(times >= split.test_start) == pytest.approx(0.1, abs=0.005)
    assert np.mean(times >= split.validation_start) == pytest.approx(0.3, abs=0.005)


def test_without_a_test_part_validation_runs_to_the_end():
    source, spec = prepare(test_fraction=0.0)
    split = split_origins(source, spec, (1, 4))
    assert len(split.test) == 0
    last = max(series.times[-1] for series in source.panel.series)
    assert split.test_start > last
    assert starts(source, split.validation, 4).max() == last


@pytest.mark.parametrize(
    ("rows", "message"),
    [(35, "nothing is left for training: [0-9]+ forecast origins"), (20, "too few bars of 1h: the data 20")],
)
def test_data_too_short_to_split_are_an_error(rows, message):
    spec = make_spec(LOOKBACKS)
    source = window_source(read_panel(HOURS.head(rows), spec), spec)
    with pytest.raises(SSSDError, match=message):
        split_origins(source, spec, (1, 4))


def test_a_validation_part_shorter_than_the_horizon_is_an_error():
    spec = make_spec(LOOKBACKS, validation_fraction=0.01)
    source = window_source(read_panel(HOURS, spec), spec)
    with pytest.raises(SSSDError, match=r"nothing is left for validation: .* farthest horizon 24 bars"):
        split_origins(source, spec, (24,))


def test_origins_from_a_time_on():
    source, spec = prepare()
    split = split_origins(source, spec, (1, 4))
    late = origins_from(source, split.test_start, 4)
    np.testing.assert_array_equal(late.row, split.test.row)
    np.testing.assert_array_equal(late.series, split.test.series)
    assert len(origins_from(source, None, 4)) == len(all_origins(source, max_horizon=4))
    with pytest.raises(SSSDError, match=r"no forecast origin at or after 2096-10-02.* UTC"):
        origins_from(source, 4_000_000_000, 4)
