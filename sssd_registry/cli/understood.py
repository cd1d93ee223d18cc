"""Report of what was understood of the data, told before anything is forecast from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sssd_registry.data.panel import Panel


def read_for(model: Path, data: Path) -> Panel | Path:
    """Read ``data`` as the model or engine in ``model`` needs them, and tell on standard error what they are.

    Done before the model is opened, which takes seconds: what is wrong with the data is then said at once. For a model
    that is damaged ``data`` comes back; opening it says what is wrong.

    Raises:
        SSSDError: unusable data, and where.
    """
    from sssd_registry.data.frame import read_frame
    from sssd_registry.data.panel import to_panel
    from sssd_registry.data.summary import summary
    from sssd_registry.model_or_engine import read_spec, read_split

    spec = read_spec(model)
    if spec is None:
        return data
    frame = read_frame(data, spec)
    panel = to_panel(frame, spec)
    typer.echo(f"data: {summary(frame, spec, read_split(model))}", err=True)
    return panel
