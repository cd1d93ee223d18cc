import pandas as pd
import pytest

from sssd_registry.data.zones import localized
from sssd_registry.errors import SSSDError

BERLIN = "Europe/Berlin"


def local(times, zone=BERLIN, groups=None):
    naive = pd.Series(pd.DatetimeIndex(times), name="t")
    return pd.DatetimeIndex(localized(naive, zone, None if groups is None else pd.Series(groups), "x.csv"))


@pytest.mark.parametrize("freq", ["h", "15min", "30min"])
@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_a_year_of_local_times_is_the_same_in_utc(zone, freq):
    utc = pd.date_range("2023-01-01", "2024-01-01", freq=freq, tz="UTC")
    shown = utc.tz_convert(zone).tz_localize(None)
    assert (local(shown, zone) == utc).all()
    assert (local(shown[::-1], zone) == utc[::-1]).all()


def test_series_of_a_panel_have_their_own_clock():
    utc = pd.date_range("2023-10-28", "2023-10-31", freq="h", tz="UTC")
    shown = utc.tz_convert(BERLIN).tz_localize(None).repeat(2)
    assert (local(shown, groups=["a", "b"] * len(utc)) == utc.repeat(2)).all()


def test_dates_without_a_clock_stay_dates():
    days = pd.date_range("2023-03-20", periods=20)
    assert (local(days) == days.tz_localize("UTC")).all()


def test_an_hour_that_is_skipped_and_one_that_is_there_three_times():
    with pytest.raises(SSSDError, match=r"row 2: 2023-03-26 02:30:00 does not exist in Europe/Berlin: the clock goes"):
        local(["2023-03-26 01:30", "2023-03-26 02:30"])
    with pytest.raises(SSSDError, match=r"row 3: 2023-10-29 02:30:00 is there three times"):
        local(["2023-10-29 02:30"] * 3)
    with pytest.raises(SSSDError, match=r"no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'"):
        local(["2023-10-29 02:30"], "Europe/Berln")
