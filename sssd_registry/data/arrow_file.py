"""Arrow files, as Feather and ``pyarrow.ipc`` write them: mapped into memory, and not read into it.

Numbers that are stored plainly, in one batch, and lack no value are looked at where they are in the file:
``to_feather(path, compression="uncompressed", chunksize=len(frame))`` writes them so. Others become a copy.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sssd_registry.errors import SSSDError, shortened
from sssd_registry.extras import require

SUFFIXES = (".arrow", ".feather", ".ipc")
# Of a file with a footer; anything else may be a stream of batches.
_MAGIC = b"ARROW1"


def read_arrow(path: Path) -> pd.DataFrame:
    """Map a file and give its columns as a frame; those that are not copies cannot be written to.

    Raises:
        SSSDError: pyarrow is missing; or the file is damaged, cut off, or of the first version of Feather.
    """
    require("pyarrow", f"reading {path}")
    import pyarrow as pa

    try:
        mapped = pa.memory_map(str(path))
        whole = mapped.read_at(len(_MAGIC), 0) == _MAGIC
        table = (pa.ipc.open_file if whole else pa.ipc.open_stream)(mapped).read_all()
        table.validate(full=True)  # offsets that lead out of a damaged file would end the process
        frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    except Exception as error:  # pyarrow has no common kind for what a damaged file may raise
        raise SSSDError(f"{path} is not readable as Arrow: {_reason(error, path)}") from None
    return frame


def _reason(error: Exception, path: Path) -> str:
    with path.open("rb") as file:
        if file.read(4) == b"FEA1":
            return "it is of Feather's first version; write it anew with to_feather, or as Parquet"
    return shortened(" ".join(str(error).split()) or type(error).__name__, 200)
