"""Frames of polars, pyarrow and narwhals in, and the same kind out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sssd_registry.config import DataConfig
from sssd_registry.data.frame import read_frame
from sssd_registry.data.other_frames import in_library, library_of
from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline

pa = pytest.importorskip("pyarrow")
LIBRARIES = ["pyarrow", *(["polars"] if importlib.util.find_spec("polars") else [])]


def frame_of(library: str, frame: pd.DataFrame) -> Any:
    """``frame`` in another library."""
    if library == "pyarrow":
        return pa.Table.from_pandas(frame, preserve_index=False)
    import polars

    return polars.from_pandas(frame)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_forecast_is_of_the_kind_that_came_in_and_has_the_same_numbers(
    library: str, tiny_model: Path, tiny_frame: pd.DataFrame
) -> None:
    pipe = SSSDPipeline.from_pretrained(tiny_model)
    given = frame_of(library, tiny_frame)
    made, wanted = (pipe(one, num_samples=5, generator=0) for one in (given, tiny_frame))
    assert made.library == library
    assert wanted.library is None
    for frame, same in ((made.to_frame(), wanted.to_frame()), (made.paths_frame(), wanted.paths_frame())):
        assert type(frame) is type(given)
        assert isinstance(same, pd.DataFrame)
        pd.testing.assert_frame_equal(read_frame(frame)[list(same)], read_frame(same), check_dtype=False)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "UTC", "UTC+02:00"])
def test_times_with_any_zone_come_back_as_the_same_instants(library: str, zone: str | None) -> None:
    times = pd.date_range("2024-03-30 20:00", periods=30, freq="h", tz="UTC")
    frame = pd.DataFrame({"ds": times.tz_convert(zone) if zone else times.tz_localize(None), "y": np.arange(30.0)})
    read = read_frame(frame_of(library, frame))
    assert (read["ds"] == times).all()
    back = read_frame(in_library(frame, library))
    assert (back["ds"] == times).all()


def test_a_narwhals_frame_is_read_too(tiny_frame: pd.DataFrame) -> None:
    import narwhals as nw

    read = read_frame(nw.from_native(frame_of("pyarrow", tiny_frame)))
    assert library_of(read) == "narwhals of pyarrow"
    assert isinstance(in_library(tiny_frame, library_of(read)), nw.DataFrame)
    wrapped = read_frame(nw.from_native(tiny_frame))
    assert "library" not in tiny_frame.attrs  # it is the caller's
    assert isinstance(in_library(tiny_frame, library_of(wrapped)).to_native(), pd.DataFrame)
    pd.testing.assert_frame_equal(read, read_frame(tiny_frame), check_dtype=False)


def test_an_empty_cell_is_named_by_column_and_row() -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024", periods=9), "y": [1.0] * 9})
    table = frame_of("pyarrow", frame).set_column(1, "y", pa.array([1.0, None, *[1.0] * 7]))
    assert read_frame(table)["y"].isna().tolist() == [False, True, *[False] * 7]
    with pytest.raises(SSSDError, match=r"column 'ds', row 2: is empty"):
        read_frame(table.set_column(0, "ds", pa.array([frame["ds"][0], None, *frame["ds"][2:]])))


@pytest.mark.parametrize("data", [5, [1, 2], {"y": [1.0]}, None])
def test_what_is_no_frame_is_refused_in_one_line(data: Any) -> None:
    with pytest.raises(SSSDError, match=r"expected the path of a file, or a frame of pandas, polars, pyarrow"):
        read_frame(data)


@pytest.mark.parametrize(
    ("id", "time", "target"), [("unique_id", "ds", "y"), ("item_id", "timestamp", "target")], ids=["nixtla", "gluonts"]
)
@pytest.mark.parametrize("library", [None, *LIBRARIES])
def test_conventional_names_need_no_setting(id: str, time: str, target: str, library: str | None) -> None:
    from sssd_registry.data.spec import resolve

    days = pd.date_range("2024", periods=40)
    frame = pd.concat(
        [pd.DataFrame({id: name, time: days, target: np.arange(40.0), "load": 1.0 * np.arange(40)}) for name in "ab"]
    )
    read = read_frame(frame if library is None else frame_of(library, frame))
    spec = resolve(DataConfig(), read)
    assert (spec.id, spec.time, spec.targets) == (id, time, (target,))
