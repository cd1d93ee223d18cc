import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig, load_config
from sssd_registry.data.columns import choose_columns, find_roles, pick_columns, pick_targets
from sssd_registry.data.frame import read_frame
from sssd_registry.data.number_column import number_column
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


def test_all_columns_of_numbers_are_looked_at_by_default_and_others_left_out_with_a_reason():
    frame = read_frame(
        FRAME.assign(
            unix=FRAME["time"].astype("int64") // 10**6,
            Close2=FRAME["time"] + pd.Timedelta("1h"),
            code=["001", "002", "003"],
            nothing=[None, None, None],
            size=pd.Categorical(["x", "y", "x"]),
        )
    )
    columns = choose_columns(DataConfig(), frame, "time")
    assert columns.used == ("close", "count")
    assert columns.left_out == {
        "symbol": "texts, such as 'x'",
        "note": "texts, such as 'a'",
        "flag": "true or false",
        "unix": "time stamps",
        "Close2": "time stamps",
        "code": "codes with leading zeros, such as '001'",
        "nothing": "empty",
        "size": "texts, such as 'x'",
    }
    assert pick_columns(DataConfig(columns=("count", "close")), FRAME, "time") == ("count", "close")
    assert pick_columns(DataConfig(columns=("flag",)), FRAME, "time") == ("flag",)
    np.testing.assert_array_equal(number_column(FRAME, "flag"), [1, 0, 1])
    np.testing.assert_array_equal(number_column(FRAME.assign(flag=["yes", "no", None]), "flag"), [1, 0, np.nan])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (FRAME["time"], r"column 'x' holds datetime64\[[nu]s\], not numbers"),
        (["1.5 kg", "1.6 kg", "1.7 kg"], r"column 'x', row 1: '1.5 kg' is not a number"),
        ([1.5, True, 1.7], r"column 'x', row 2: 'True' is not a number"),
        (["1.5", "TRUE", "1.7"], r"column 'x', row 2: 'TRUE' is not a number"),
        (["1,085", "1,086", "1,087"], r"'1,085' may be 1085 or 1.085;.*--set data\.decimal=,"),
        (["1.5%", "1.6", "1.7%"], r"several units: %, none"),
    ],
)
def test_what_looks_like_a_number_and_is_none_is_an_error(entries, message):
    frame = FRAME.assign(x=entries)
    with pytest.raises(SSSDError, match=message):
        pick_columns(DataConfig(columns=("x",)), frame, "time")


def test_texts_that_are_almost_numbers_are_never_lost():
    frame = FRAME.loc[FRAME.index.repeat(9)].assign(x=[f"{number} kg" for number in range(27)])
    with pytest.raises(SSSDError, match=r"column 'x', row 1: '0 kg' is not a number"):
        pick_columns(DataConfig(), frame, "time")


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
    with pytest.raises(SSSDError, match=r"no column of numbers beside 'time': symbol \(texts, such as"):
        pick_columns(DataConfig(), FRAME[["time", "symbol"]], "time")


@pytest.mark.parametrize(
    ("names", "target"),
    [
        ("open close", "close"),
        ("x y", "y"),
        ("temp Target", "Target"),
        ("close y", "y"),
        ("value close", "close"),
        ("holiday value", "value"),
        ("load", "load"),
    ],
)
def test_the_target_is_what_is_called_so(names, target):
    columns = names.split()
    assert pick_targets(DataConfig(), columns, find_roles(columns)) == (target,)


def test_of_several_columns_the_target_is_asked_for():
    with pytest.raises(
        SSSDError, match=r"which of 2 columns.*gbp, jpy\?.*data\.targets=\[\"gbp\"\].*data\.targets=all"
    ):
        pick_targets(DataConfig(), ("gbp", "jpy"), ("value", "value"))
    assert pick_targets(DataConfig(targets="all"), ("gbp", "jpy"), ("value", "value")) == ("gbp", "jpy")
    many = [str(number) for number in range(2000)]
    with pytest.raises(SSSDError) as caught:
        pick_targets(DataConfig(), many, ["value"] * 2000)
    assert len(str(caught.value)) < 300


def test_what_would_be_the_target_is_not_replaced_by_another():
    frame = read_frame(FRAME[["time", "count"]].assign(close=[True, False, True], other=[1.0, 2.0, 3.5]))
    with pytest.raises(SSSDError, match=r"column 'close' would be forecast, but holds no numbers \(true or false\)"):
        pick_targets(DataConfig(), ("count", "other"), ("value", "value"), frame)


def test_targets_are_what_was_asked_for():
    by_number = load_config(None, ["data.targets=[2]", "data.columns=[1, 2]", "data.time=0"]).data
    assert (by_number.targets, by_number.columns, by_number.time) == (("2",), ("1", "2"), "0")
    assert load_config(None, ["data.targets=y"]).data.targets == ("y",)
    assert pick_targets(DataConfig(targets=("y", "x")), ("x", "y"), ("value", "value")) == ("y", "x")
    with pytest.raises(SSSDError, match=r"data\.targets: 'cloze'.*did you mean 'close'\?"):
        pick_targets(DataConfig(targets=("cloze",)), ("close",), ("close",))
    with pytest.raises(SSSDError, match="each once"):
        pick_targets(DataConfig(targets=("x", "x")), ("x",), ("value",))
