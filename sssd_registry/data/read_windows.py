"""Reading of windows from a file: the one way on which data come to a model that is trained."""

from __future__ import annotations

from sssd_registry.data.origins import without_short
from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel, read_panel, without_constants
from sssd_registry.data.source import WindowSource, window_source
from sssd_registry.data.spec import DataSpec


def read_windows(data: Data | Panel, spec: DataSpec) -> WindowSource:
    """A raw frame, a file or a panel, resampled once to every timeframe of ``spec``; windows are cut from it.

    Raises:
        SSSDError: as :func:`~sssd_registry.data.panel.read_panel`.
    """
    return window_source(read_panel(data, spec), spec)


def read_scored_windows(data: Data | Panel, spec: DataSpec, max_horizon: int) -> WindowSource:
    """The same without series that nothing is scored or learnt of: constant ones, and those without a whole window.

    Args:
        max_horizon: bars that a window has to have after it.

    Raises:
        SSSDError: as :func:`read_windows`, or no series is left.
    """
    panel = without_constants(read_panel(data, spec), spec)
    return without_short(window_source(panel, spec), max_horizon)
