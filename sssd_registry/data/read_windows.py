"""Reading of windows from a file: the one way on which data come to a model that is trained."""

from __future__ import annotations

from sssd_registry.data.other_frames import Data
from sssd_registry.data.panel import Panel, read_panel
from sssd_registry.data.source import WindowSource, window_source
from sssd_registry.data.spec import DataSpec


def read_windows(data: Data | Panel, spec: DataSpec) -> WindowSource:
    """A raw frame, a file or a panel, resampled once to every timeframe of ``spec``; windows are cut from it.

    Raises:
        SSSDError: as :func:`~sssd_registry.data.panel.read_panel`.
    """
    return window_source(read_panel(data, spec), spec)
