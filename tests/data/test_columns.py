import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.columns import find_roles, pick_columns, pick_targets
from sssd_registry.errors import SSSDError


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        ("Open High Low Close Volume", "open high low close volume"),
        ("o,h,l,c,v".replace(",", " "), "open high low close volume"),
        ("<OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL>", "open high low close volume"),
        ("close open low high tick_volume", "close open low high volume"),
        ("Open High Low Close adj_close Vol", "open high low close value volume"),
        ("open high low adjclose", "open high low close"),
        ("close spread", "close value"),
        ("low temperature", "value value"),
        ("a b c", "value value value"),
        ("volume speed", "value value"),
        ("HUFL OT", "value value"),
    ],
)
def test_roles_follow_from_names(names, roles):
    assert find_roles(names.split()) == tuple(roles.split())


FRAME = pd.DataFrame(
    {
        "time": pd.date_range("2024-01-01", periods=3),
        "symbol": ["x", "x", "x"],
        "close": [1.0, 2.0, 3.0],
        "count": ["1", "2", "3"],
        "note": ["", "a", "b"],
        "flag": [True, False, True],
    }
)


def test_all_columns_of_numbers_are_looked_at_by_default():
    assert pick_columns(DataConfig(), FRAME, "time") == ("close", "count", "flag")
    assert pick_columns(DataConfig(columns=("count", "close")), FRAME, "time") == ("count", "close")


def test_a_bad_entry_in_a_column_of_numbers_is_an_error_and_no_reason_to_lose_the_column():
    with pytest.raises(SSSDError, match=r"column 'close', row 2: 'n\.q\.' is not a number"):
        pick_columns(DataConfig(), FRAME.assign(close=["1.0", "n.q.", "3.0"]), "time")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DataConfig(columns=("clsoe",)), r"no column 'clsoe' \(data\.columns\); did you mean 'close'\?"),
        (DataConfig(columns=("close", "symbol")), r"column 'symbol', row 1: 'x' is not a number"),
        (DataConfig(columns=("close", "close")), "each once"),
        (DataConfig(columns=("close", "time")), "must name value columns"),
        (DataConfig(columns=()), "got none"),
    ],
)
def test_columns_that_cannot_be_looked_at_are_errors(config, message):
    with pytest.raises(SSSDError, match=message):
        pick_columns(config, FRAME, "time")


def test_without_numbers_there_is_nothing_to_forecast():
    with pytest.raises(SSSDError, match="no column of numbers among time, symbol"):
        pick_columns(DataConfig(), FRAME[["time", "symbol"]], "time")


def test_targets_are_the_close_or_everything_or_what_was_asked_for():
    assert pick_targets(DataConfig(), ("open", "close"), ("open", "close")) == ("close",)
    assert pick_targets(DataConfig(), ("x", "y"), ("value", "value")) == ("x", "y")
    assert pick_targets(DataConfig(targets=("y", "x")), ("x", "y"), ("value", "value")) == ("y", "x")
    with pytest.raises(SSSDError, match=r"data\.targets: 'cloze'.*did you mean 'close'\?"):
        pick_targets(DataConfig(targets=("cloze",)), ("close",), ("close",))
    with pytest.raises(SSSDError, match="each once"):
        pick_targets(DataConfig(targets=("x", "x")), ("x",), ("value",))
