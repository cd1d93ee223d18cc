"""Bounds and whole numbers as settings, and what is said of values that break them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sssd_registry.config import load_config
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.training_data import training_data
from sssd_registry.errors import SSSDError


def frame(**columns: list[float]) -> pd.DataFrame:
    size = 300
    made: dict[str, Any] = {"ds": pd.date_range("2021-01-01", periods=size, freq="D")}
    for name, values in columns.items():
        made[name] = [values[row % len(values)] for row in range(size)]
    return pd.DataFrame(made)


def spec_of(data: pd.DataFrame, *settings: str) -> DataSpec:
    return training_data(data, load_config(None, list(settings)).data).spec


COUNTS = frame(y=[0, 1, 5, 2, 3, 1, 0, 4], x=[0.2, 0.4, 0.9])


@pytest.mark.parametrize(
    ("setting", "bounds"),
    [
        ("data.bounds=[0, inf]", ((0.0, None), (0.0, None))),
        ("data.bounds=[-inf, 9]", ((None, 9.0), (None, 9.0))),
        ("data.bounds={x = [0, 1]}", ((None, None), (0.0, 1.0))),
        ("data.bounds=[-inf, inf]", ()),
    ],
)
def test_bounds_of_all_or_by_name(setting: str, bounds: object) -> None:
    made = spec_of(COUNTS, 'data.targets=["y", "x"]', setting)
    assert made.bounds == bounds
    assert DataSpec.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["data.bounds=[1, 0]"], "configuration data.bounds: Value error, the lower one of the bounds comes first"),
        (["data.bounds=[inf, inf]"], "the lower one of the bounds comes first"),
        (["data.bounds=[nan, 1]"], "the lower one of the bounds comes first"),
        (["data.bounds=[0]"], "bounds are two numbers, such as [0, inf] or [0, 1]"),
        (["data.bounds=0"], "bounds are two numbers"),
        (['data.bounds={y = ["a", 1]}'], "bounds of y are two numbers"),
        (["data.bounds=[0, 1e305]"], "numbers of at most 1e300"),
        (["data.bounds={z = [0, 1]}"], "data.bounds: 'z' is not among the targets: known: y"),
        (['data.integers=["yy"]'], "data.integers: 'yy' is not among the targets: did you mean 'y'"),
        (["data.bounds=[-0.5, inf]", "data.integers=true"], "its bound -0.5 is no whole number"),
        (["data.bounds=[0, inf]", "data.target_kind=log-return"], "--set data.target_kind=price"),
        (["data.integers=true", "data.target_kind=log-return"], "--set data.target_kind=price"),
    ],
)
def test_settings_that_cannot_be(settings: list[str], words: str) -> None:
    with pytest.raises(SSSDError) as error:
        spec_of(COUNTS, "data.targets=y", *settings)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "settings", "words"),
    [
        (
            -2.0,
            ["data.bounds=[0, inf]"],
            "column 'y', row 43 (2021-02-12 00:00:00+00:00): -2 is below 0, the bound of 'y': correct it, or",
        ),
        (11.5, ["data.bounds=[0, 10]"], "11.5 is above 10, the bound of 'y'"),
        (2.5, ["data.integers=true"], "2.5 is no whole number: correct it, or train without data.integers"),
    ],
)
def test_a_value_that_breaks_them_is_named(value: float, settings: list[str], words: str) -> None:
    data = COUNTS.copy()
    data["y"] = data["y"].astype(float)
    data.loc[42, "y"] = value
    with pytest.raises(SSSDError) as error:
        spec_of(data, "data.targets=y", *settings)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_target_has_no_bounds() -> None:
    data = COUNTS.copy()
    data.loc[5, "x"] = -7.0
    assert spec_of(data, "data.targets=y", "data.bounds=[0, inf]", "data.integers=true").integers == ("y",)
