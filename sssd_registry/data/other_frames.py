"""Frames of other libraries than pandas: polars', pyarrow's, and whichever narwhals knows. What comes goes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sssd_registry.errors import SSSDError
from sssd_registry.extras import require

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoDataFrame, IntoLazyFrame

# Whatever rows are read from.
Data: TypeAlias = "pd.DataFrame | IntoDataFrame | IntoLazyFrame | str | Path"

_LIBRARY = "library"
# Before the library's name, where narwhals' own frame came in.
_WRAPPED = "narwhals of "


def to_pandas(data: object) -> pd.DataFrame:
    """The rows of a frame of any library; :func:`library_of` tells which. A lazy frame is collected.

    Raises:
        SSSDError: no frame at all, no pyarrow, which carries the columns over, or rows that cannot be collected.
    """
    import narwhals as nw

    try:
        frame = nw.from_native(data, pass_through=False)  # type: ignore[call-overload]  # any object, to be refused
    except TypeError:
        raise SSSDError(
            f"data are of type {type(data).__name__}; expected the path of a file, or a frame of pandas, polars,"
            " pyarrow or another library that narwhals knows"
        ) from None
    require("pyarrow", f"a frame of {type(data).__module__.partition('.')[0]}")
    try:
        eager = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    except Exception as error:  # each library has errors of its own for what a lazy frame may run into
        raise SSSDError(f"the lazy frame cannot be collected: {error}") from None
    made = eager.to_pandas().copy(deep=False)  # of a wrapped pandas frame it is the caller's own
    wrapped = isinstance(data, nw.DataFrame | nw.LazyFrame)
    made.attrs[_LIBRARY] = (_WRAPPED if wrapped else "") + str(eager.implementation.value)
    return made


def library_of(frame: pd.DataFrame) -> str | None:
    """Return the library that ``frame`` came from, as narwhals names it, or ``narwhals of polars``; None for pandas."""
    name = frame.attrs.get(_LIBRARY)
    return name if isinstance(name, str) else None


def in_library(frame: pd.DataFrame, library: str | None) -> Any:
    """``frame`` as one of ``library``, without its index; as it is where that is None."""
    if library is None or library == "pandas":
        return frame
    import narwhals as nw
    import pyarrow as pa

    backend: Any = library.removeprefix(_WRAPPED)  # one that narwhals named
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    made = nw.from_arrow(table, backend=backend)
    return made if library.startswith(_WRAPPED) else made.to_native()
