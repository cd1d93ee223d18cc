"""Report of what was understood of the data, told before anything is forecast from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import pandas as pd

    from sssd_registry.data.panel import Panel


@dataclass(frozen=True)
class Understood:
    """Data as they were read: the frame, the panel made of it, and the line that tells what they are."""

    frame: pd.DataFrame
    panel: Panel
    summary: str


def read_for(model: Path, data: Path) -> Panel | Path:
    """Read ``data`` as the model or engine in ``model`` needs them, and tell on standard error what they are.

    Done before the model is opened, which takes seconds: what is wrong with the data is then said at once. For a model
    that is damaged ``data`` comes back; opening it says what is wrong.

    Raises:
        SSSDError: unusable data, and where.
    """
    read = frame_for(model, data)
    return data if read is None else read.panel


def frame_for(model: Path, data: Path) -> Understood | None:
    """Do the same, and give the frame too; None for a model that is damaged.

    Raises:
        SSSDError: unusable data, and where.
    """
    from sssd_registry.data.frame import read_frame
    from sssd_registry.data.panel import to_panel
    from sssd_registry.data.summary import summary
    from sssd_registry.model_or_engine import read_spec, read_split

    spec = read_spec(model)
    if spec is None:
        return None
    frame = read_frame(data, spec)
    panel = to_panel(frame, spec)
    told = summary(frame, spec, read_split(model))
    typer.echo(f"data: {told}", err=True)
    return Understood(frame, panel, told)
