"""Values that lie absurdly far from what training saw are told; nothing is said about what series do of themselves."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import sssd

from sssd_registry.config import DataConfig
from sssd_registry.data.far_values import far, warn_of_far_values
from sssd_registry.data.origins import Origins, last_origins
from sssd_registry.data.panel import read_panel
from sssd_registry.data.read_windows import read_windows
from sssd_registry.data.seen import Seen, seen_in
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.training_data import training_data
from sssd_registry.data.windows import window_source
from sssd_registry.errors import DataWarning

CASES = Path(__file__).parents[1] / "cases"
HOURS = pd.date_range("2023-01-02", periods=3000, freq="h")
# Refused, or a panel whose rows are not in order: there is a test of each elsewhere.
READABLE = sorted(
    path.name
    for path in CASES.glob("*.csv")
    if path.name not in ("close_twice.csv", "ids_001.csv", "panel.csv", "stray_quote.csv")
)


def prices(seed: int = 0, tail: float = 3.0) -> np.ndarray:
    """Hours of an exchange rate, with returns of heavy tails."""
    return 1.1 * np.exp(np.cumsum(np.random.default_rng(seed).standard_t(tail, len(HOURS))) * 5e-4)


def every_window(frame: pd.DataFrame | Path, **config: object) -> int:
    """Count the windows after the training part, of many, that a word is said about."""
    data = training_data(frame, DataConfig(**config))
    told = 0
    for series, one in enumerate(data.source.panel.series):
        for row in np.unique(np.linspace(len(one.times) // 2, len(one.times) - 1, 25).astype(int)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                warn_of_far_values(data.source, Origins(np.array([series]), np.array([row])))
            told += len(caught)
    return told


@pytest.mark.filterwarnings("ignore::sssd_registry.errors.DataWarning")
@pytest.mark.parametrize("name", READABLE)
def test_nothing_is_said_of_the_cases(name: str) -> None:
    zone = "Europe/Berlin" if name == "dst_local.csv" else None
    assert every_window(CASES / name, timezone=zone) == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tail", [2, 3])
def test_nothing_is_said_of_heavy_tails(seed: int, tail: float) -> None:
    assert every_window(pd.DataFrame({"time": HOURS, "close": prices(seed, tail)})) == 0


SERIES = {
    "up": np.arange(3000) * 0.5,
    "down": -np.arange(3000) * 0.5,
    "growing": np.exp(np.arange(3000) / 400),
    "stairs": np.arange(3000) // 300 * 5.0,
    "spikes": np.where(np.arange(3000) % 97 == 0, 100.0, 0.0),
}


@pytest.mark.parametrize("name", SERIES)
def test_nothing_is_said_of_trends_and_spikes(name: str) -> None:
    values = SERIES[name] * (1 + 0.05 * np.random.default_rng(0).normal(size=3000) * (name == "growing"))
    noise = np.random.default_rng(1).normal(size=3000)
    assert every_window(pd.DataFrame({"time": HOURS, "y": values + noise * (name in ("up", "down"))})) == 0


def test_nothing_is_said_of_a_panel_of_many_sizes() -> None:
    day = 2 + np.sin(np.arange(700) / 24 * 2 * np.pi)
    random = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"id": f"s{i}", "time": HOURS[:700], "y": 10.0**i * (day + 0.2 * random.normal(size=700))})
        for i in range(5)
    ]
    panel = pd.concat(parts, ignore_index=True)
    assert every_window(panel, id="id") == 0
    data = training_data(panel, DataConfig(id="id"))
    panel.loc[panel.index[(panel["id"] == "s0").to_numpy()][-3], "y"] *= 1000  # no more than others usually are
    source = read_windows(panel, data.spec)
    with pytest.warns(DataWarning, match=r"column 'y', series 's0', .* is absurdly far") as told:
        warn_of_far_values(source, last_origins(source))
    assert len(told) == 1


@pytest.mark.parametrize("place", [-1, -2, -10, -24])
@pytest.mark.parametrize("bad", [1e9, -1e9, 0.0, 1100.0, 0.0011])
def test_a_bad_tick_is_named(bad: float, place: int) -> None:
    frame = pd.DataFrame({"time": HOURS, "close": prices()})
    data = training_data(frame, DataConfig(timeframes={"1h": 24}))
    frame.loc[len(frame) + place, "close"] = bad
    source = read_windows(frame, data.spec)
    when = str(HOURS[place])
    with pytest.warns(DataWarning, match=rf"data: column 'close', {when} UTC: .* is absurdly far from what") as told:
        warn_of_far_values(source, last_origins(source))
    assert len(told) == 1
    assert f": {bad:g} is" in str(told[0].message)
    assert "more values" not in str(told[0].message)


def test_a_bad_reading_in_training_hides_none_in_a_forecast() -> None:
    values = prices()
    values[500] = 1e9
    seen = training_data(pd.DataFrame({"time": HOURS, "close": values}), DataConfig()).spec.seen[0]
    assert seen.highest < 2
    window = values[-24:].copy()
    assert not far(window, seen, panel=False).any()
    window[-1] = 1e6
    assert far(window, seen, panel=False).tolist() == [False] * 23 + [True]


def test_what_was_seen_is_of_the_training_part_only() -> None:
    values = np.sin(np.arange(3000.0))
    values[-1] = 1e9
    assert training_data(pd.DataFrame({"time": HOURS, "y": values}), DataConfig()).spec.seen[0].highest <= 1
    assert seen_in([np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])]) == (Seen(1, 4, 2, 1), Seen(5, 5, 0, 0))
    assert seen_in([np.ones((1, 2))]) == ()
    assert seen_in([np.array([[1e308], [-1e308], [5e-324]])])[0].change <= 1e300
    assert seen_in([np.full((3, 1), 5e-324)])[0].share == 0


def test_a_constant_of_training_may_change_but_not_absurdly() -> None:
    seen = Seen(5, 5, 0, 0)
    assert not far(np.full(24, 5.0), seen, panel=False).any()
    assert not far(np.array([5.0] * 23 + [6.0]), seen, panel=False).any()
    assert far(np.array([5.0] * 23 + [1e9]), seen, panel=False).sum() == 1


def test_models_saved_before_say_nothing(tiny_frame: pd.DataFrame) -> None:
    spec = training_data(tiny_frame, DataConfig(timeframes={"1h": 24})).spec
    assert DataSpec.model_validate_json(spec.model_dump_json()) == spec
    before = DataSpec.model_validate(spec.model_dump(exclude={"seen"}))
    source = window_source(read_panel(tiny_frame.assign(close=1e9), before), before)
    warn_of_far_values(source, last_origins(source))
    with pytest.raises(ValueError, match="what was seen of each column, or of none"):
        DataSpec.model_validate(spec.model_dump() | {"seen": spec.seen[:1]})


@pytest.mark.parametrize("what", ["model", "engine"])
def test_model_and_engine_warn_in_one_line(
    what: str, request: pytest.FixtureRequest, tiny_frame: pd.DataFrame, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(f"tiny_{what}")
    clean, bad = tmp_path / "clean.csv", tmp_path / "bad.csv"
    tiny_frame.to_csv(clean, index=False)
    place = np.arange(len(tiny_frame)) == len(tiny_frame) - 5
    tiny_frame.assign(close=tiny_frame["close"].mask(place, 1e9)).to_csv(bad, index=False)
    assert sssd("forecast", folder, clean).words == ""
    told = sssd("forecast", folder, bad)
    assert told.code == 0
    assert told.words.count("\n") == 1
    assert told.words.startswith(f"warning: {bad}: column 'close', 2024-02-02 19:00:00 UTC: 1e+09 is absurdly far")
