"""The line of what was understood says what every column is taken for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.spec import resolve
from sssd_registry.data.summary import summary


def line(frame: pd.DataFrame, config: DataConfig) -> str:
    read = read_frame(frame, config)
    return summary(read, resolve(config, read))


def panel() -> pd.DataFrame:
    """Two series with numbers and labels beside what is forecast."""
    days, random = pd.date_range("2024-01-01", periods=200), np.random.default_rng(0)
    parts = [
        pd.DataFrame({"ds": days, "unique_id": name, "y": random.normal(size=200), "region": region})
        for name, region in (("a", "north"), ("b", "south"))
    ]
    sky, price = random.choice(["clear", "rain", "snow"], 400), random.normal(size=400)
    return pd.concat(parts, ignore_index=True).assign(sky=sky, price=price, note="x")


def test_what_is_known_ahead_is_not_left_out() -> None:
    pytest.importorskip("holidays")
    told = line(panel(), DataConfig(known=("sky", "price"), static=("region",), holidays="US"))
    assert "known ahead: sky, price, holidays of US;" in told
    assert "constant within a series: region;" in told
    assert "left out: note (" in told
    omitted = told.partition("left out: ")[2].partition(";")[0]
    assert not {"sky", "price", "region"} & set(omitted.replace(",", " ").split())


def test_of_nothing_known_nothing_is_said() -> None:
    told = line(panel()[["ds", "unique_id", "y"]], DataConfig())
    assert "known ahead" not in told
    assert "constant" not in told
