"""Bad input through the command line: one line that names the place and says what to do, exit code 2, and
nothing half-written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_runner import error_line, sssd, sssd_export, tree

Change = Callable[[pd.DataFrame], pd.DataFrame]


def train_fails(data: Path, out: Path, *arguments: object) -> str:
    """The error line of ``sssd train``, after which nothing is there."""
    line = error_line(sssd("train", data, "--out", out, *arguments))
    assert list(out.parent.iterdir()) == []
    return line


def forecast_fails(model: Path, data: Path, out: Path, *arguments: object) -> str:
    """The error line of ``sssd forecast``, after which nothing is there."""
    files = ("--out", out.with_suffix(".csv"), "--plot", out.with_suffix(".png"))
    line = error_line(sssd("forecast", model, data, *files, *arguments))
    assert list(out.parent.iterdir()) == []
    return line


def at(column: str, row: int, value: object) -> Change:
    """Put ``value`` into a row, counted from 1."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{column: [value if i == row - 1 else x for i, x in enumerate(frame[column])]})

    return change


# What is done to good data; what the message has to say besides the file's name.
DATA: dict[str, tuple[Change, str]] = {
    "no rows": (lambda frame: frame.head(0), "no rows of data"),
    "no time column": (
        lambda frame: frame.drop(columns="time"),
        "no time column among open, high, low, close, volume; name it: --set data.time=NAME",
    ),
    "unparsable time": (
        at("time", 17, "yesterday"),
        "column 'time', row 17: 'yesterday' is not a timestamp; expected dates such as 2024-01-31 13:00",
    ),
    "no timestamp": (at("time", 17, None), "column 'time', row 17: is empty; expected dates"),
    "duplicate": (
        lambda frame: frame.iloc[[*range(9), *range(8, len(frame))]],
        "column 'time', row 10: 2024-01-01 08:00:00+00:00 repeats row 9: 2024-01-01 08:00:00+00:00;"
        " keep one row for each timestamp",
    ),
    "unsorted": (
        lambda frame: frame.iloc[[0, 1, 3, 2, *range(4, len(frame))]],
        "column 'time', row 4: 2024-01-01 02:00:00+00:00 is earlier than row 3: 2024-01-01 03:00:00+00:00;"
        " sort the rows by time",
    ),
    "inf": (at("high", 31, np.inf), "column 'high', row 31 (2024-01-02 06:00:00+00:00): the value is infinite"),
    "minus inf": (at("low", 31, -np.inf), "column 'low', row 31 (2024-01-02 06:00:00+00:00): the value is infinite"),
    "text": (at("close", 32, "n.a.?"), "column 'close', row 32: 'n.a.?' is not a number; correct it"),
}  # fmt: skip

TOO_SHORT = 'needed for the lookbacks{}; shrink data.timeframes, now {{"1h" = 24, "4h" = 6}}, or bring more rows'


@pytest.mark.parametrize(("change", "reason"), DATA.values(), ids=DATA)
def test_bad_data(
    tiny_frame: pd.DataFrame,
    tiny_model: Path,
    overrides: list[str],
    tmp_path: Path,
    out: Path,
    change: Change,
    reason: str,
) -> None:
    data = tmp_path / "bad.csv"
    change(tiny_frame).to_csv(data, index=False)
    line = train_fails(data, out, *overrides)
    assert line.startswith(f"{data}: ")
    assert reason in line
    line = forecast_fails(tiny_model, data, out)
    # A model knows its time column, so that a file without it is told apart by name.
    assert ("no time column 'time' among" if "no time column" in reason else reason) in line
    assert str(data) in line


def test_no_such_file(tiny_model: Path, tiny_engine: Path, out: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    assert train_fails(missing, out) == f"no such file: {missing}"
    for forecaster in (tiny_model, tiny_engine):
        assert forecast_fails(forecaster, missing, out) == f"no such file: {missing}"
        assert error_line(sssd("evaluate", forecaster, missing)) == f"no such file: {missing}"


def test_empty_and_unreadable_files(tiny_model: Path, out: Path, tmp_path: Path) -> None:
    for name in ("empty.csv", "empty.parquet"):
        (tmp_path / name).touch()
        assert train_fails(tmp_path / name, out) == f"{tmp_path / name} is empty"
    (tmp_path / "lines.csv").write_text("\n\n\n")
    assert train_fails(tmp_path / "lines.csv", out) == f"{tmp_path / 'lines.csv'} is empty"
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    line = forecast_fails(tiny_model, tmp_path / "cut.parquet", out)
    assert line.startswith(f"{tmp_path / 'cut.parquet'} is not readable as Parquet: ")
    assert train_fails(tmp_path, out).startswith(f"{tmp_path} is a directory; expected a CSV")


def test_too_short_for_the_lookback(
    tiny_frame: pd.DataFrame, tiny_model: Path, overrides: list[str], out: Path, tmp_path: Path
) -> None:
    data = tmp_path / "short.csv"
    tiny_frame.head(15).to_csv(data, index=False)
    for line in (train_fails(data, out, *overrides), forecast_fails(tiny_model, data, out)):
        assert "too few bars of 1h: the data 15; up to " in line
        assert TOO_SHORT.format(" and 4 ahead" if "ahead" in line else "") in line
    tiny_frame.head(35).to_csv(data, index=False)
    line = train_fails(data, out, *overrides)
    assert "nothing is left for" in line
    assert "bring more rows" in line


@pytest.mark.parametrize("horizons", ["5", "1,500", "5h", "1w", "0.5", "0", "-3"])
def test_horizon_beyond_what_was_trained(
    tiny_model: Path, tiny_engine: Path, tiny_csv: Path, out: Path, horizons: str
) -> None:
    reason = "outside of 1 to 4 bars of 1h"
    for forecaster in (tiny_model, tiny_engine):
        assert reason in forecast_fails(forecaster, tiny_csv, out, f"--horizons={horizons}")
        assert reason in error_line(sssd("evaluate", forecaster, tiny_csv, f"--horizons={horizons}"))
    assert reason in error_line(sssd_export("build", tiny_model, "--out", out, f"--horizons={horizons}"))
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("horizons", ["nan", "inf", "", ",", "soon", "90min", "1M", "1h;2h"])
def test_unreadable_horizons(tiny_model: Path, tiny_csv: Path, overrides: list[str], out: Path, horizons: str) -> None:
    for line in (
        forecast_fails(tiny_model, tiny_csv, out, "--horizons", horizons),
        train_fails(tiny_csv, out, *overrides, "--horizons", horizons),
        error_line(sssd_export("build", tiny_model, "--out", out, "--horizons", horizons)),
    ):
        assert re.search("horizon|duration", line)
        assert horizons in line
    assert list(out.parent.iterdir()) == []


def test_fractions_of_a_bar(tiny_model: Path, tiny_csv: Path, overrides: list[str], out: Path) -> None:
    assert "whole bars, got 2.5" in train_fails(tiny_csv, out, *overrides, "--horizons", "1,2.5")
    assert "whole bars, got 2.5" in error_line(sssd_export("build", tiny_model, "--out", out, "--horizons", "2.5"))
    assert "--unit takes bars or min" in forecast_fails(tiny_model, tiny_csv, out, "--horizons", "1", "--unit", "h")


def test_unknown_names_come_with_near_ones(tiny_model: Path, tiny_csv: Path, overrides: list[str], out: Path) -> None:
    scheduler = "no scheduler named 'dimm': did you mean 'ddim'"
    assert scheduler in forecast_fails(tiny_model, tiny_csv, out, "--scheduler", "dimm:eta=1")
    assert scheduler in error_line(sssd("evaluate", tiny_model, tiny_csv, "--scheduler", "dimm"))
    assert scheduler in error_line(sssd_export("build", tiny_model, "--out", out, "--scheduler", "dimm"))
    assert scheduler in train_fails(tiny_csv, out, *overrides, "--set", "training.scheduler=dimm")
    head = train_fails(tiny_csv, out, *overrides, "--set", "model.head=mlpp")
    assert "no head named 'mlpp': did you mean 'mlp'?" in head
    target = error_line(sssd_export("build", tiny_model, "--out", out, "--target", "onx"))
    assert "no target named 'onx': did you mean 'onnx'?" in target
    assert list(out.parent.iterdir()) == []


SETTINGS = {
    "training.max_step=3": "section [training] has no 'max_step': did you mean 'max_steps'",
    "modell.head=mlp": "the configuration has no 'modell': did you mean 'model'?",
    "training.max_steps=many": "configuration training.max_steps: Input should be a valid integer",
    "training.max_steps=0": "configuration training.max_steps: Input should be greater than or equal to 1, got 0",
    "training": "--set takes section.key=value, such as model.head=mlp; got 'training'",
    "model.head_options={hidden_size = [4]}": "head 'mlp' has no option 'hidden_size': did you mean 'hidden_sizes'",
    "model.head_options={hidden_sizes = 4}": "head 'mlp', option hidden_sizes: Input should be a valid tuple, got 4",
    "data.targets=[\"clos\"]": "data.targets: 'clos' is no value column; did you mean 'close'",
    "data.time=tim": "no time column 'tim' among time, open, high, low, close, volume; did you mean 'time'?",
    "data.columns=[\"closed\"]": "no column 'closed' (data.columns); did you mean 'close'?",
    "data.id=symbol": "no column 'symbol' (data.id)",
    "data.timeframes={\"90min\" = 3}": "data.timeframes: 90min is not a whole number of 1h rows",
}  # fmt: skip


@pytest.mark.parametrize(("setting", "reason"), SETTINGS.items(), ids=SETTINGS)
def test_bad_settings(tiny_csv: Path, overrides: list[str], out: Path, setting: str, reason: str) -> None:
    assert reason in train_fails(tiny_csv, out, *overrides, "--set", setting)


def test_bad_configuration_files(tiny_csv: Path, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    assert train_fails(tiny_csv, out, "--config", file) == f"no such configuration file: {file}"
    file.write_text("[training\n")
    assert train_fails(tiny_csv, out, "--config", file).startswith(f"{file} is not TOML: ")
    assert train_fails(tiny_csv, out, "--config", tmp_path).startswith(f"{tmp_path} cannot be read: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dpmsolver++:solver_oder=3", "has no option 'solver_oder': did you mean 'solver_order'"),
        ("dpmsolver++:solver_order=4", "option solver_order: Input should be 1, 2 or 3, got 4"),
        ("ddim:steps", "options are written NAME:key=value,key=value; 'steps' has no '='"),
        (":x=1", "names nothing: expected NAME"),
    ],
)
def test_bad_scheduler_options(tiny_model: Path, tiny_csv: Path, out: Path, text: str, reason: str) -> None:
    assert reason in forecast_fails(tiny_model, tiny_csv, out, "--scheduler", text)


def test_train_does_not_touch_a_folder_of_other_things(tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for extra in ([], ["--overwrite"]):
        line = error_line(sssd("train", tiny_csv, "--out", tmp_path, *overrides, *extra))
        assert f"{tmp_path} holds other files and no model_index.json" in line
    line = error_line(sssd("train", tiny_csv, "--out", tmp_path / "thesis.tex", *overrides))
    assert "is a file: name a folder to write" in line
    assert tree(tmp_path) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("option", ["--out", "--plot"])
def test_places_that_cannot_be_written(tiny_model: Path, tiny_csv: Path, tmp_path: Path, option: str) -> None:
    suffix = ".csv" if option == "--out" else ".png"
    command = ["forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 4, option]
    nowhere = tmp_path / "none" / f"f{suffix}"
    assert f"{nowhere} cannot be written: there is no folder" in error_line(sssd(*command, nowhere))
    assert ", not '.txt'" in error_line(sssd(*command, tmp_path / "f.txt"))
    assert list(tmp_path.iterdir()) == []
