"""Pictures as files, written complete or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from sssd_registry.errors import SSSDError
from sssd_registry.extras import require
from sssd_registry.files.atomic import atomic_file, check_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_suffix(path: str | Path) -> str:
    """The kind of picture that ``path`` ends in: ``png``, ``svg`` or ``pdf``.

    Raises:
        SSSDError: another ending.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise SSSDError(f"{path}: a picture is written as .png, .svg or .pdf, not {suffix or 'without suffix'!r}")
    return suffix[1:]


def check_picture(path: str | Path, what: str = "a picture") -> None:
    """Refuse now what drawing into ``path`` would refuse after minutes of work.

    Args:
        path: the picture.
        what: what asks for it, for the message.

    Raises:
        SSSDError: matplotlib is not installed, the ending is no picture's, or there is no such folder.
    """
    require("matplotlib", what)
    check_suffix(path)
    check_file(path)


def save_picture(figure: Figure, path: str | Path, dpi: int) -> None:
    """Write ``figure`` to a ``.png``, ``.svg`` or ``.pdf`` file.

    Raises:
        SSSDError: another ending, or the file cannot be written.
    """
    # In memory first: matplotlib's PDF writer loses the system's error, and the open file, on a full disk.
    picture = io.BytesIO()
    figure.savefig(picture, dpi=dpi, format=check_suffix(path))
    with atomic_file(path) as new:
        new.write_bytes(picture.getvalue())
