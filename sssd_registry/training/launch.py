"""Place of this process among those that a launcher started: from the environment, without torch."""

from __future__ import annotations

import os


def launched() -> tuple[int, int]:
    """Return this process's number, from 0 on, and how many a launcher started; 0 and 1 of one by itself."""
    try:
        index, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        int(os.environ["LOCAL_RANK"])
    except (KeyError, ValueError):
        return 0, 1
    return (index, count) if 0 <= index < count else (0, 1)
