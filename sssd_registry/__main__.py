"""``python -m sssd_registry``, which launchers of several processes take."""

from __future__ import annotations

from sssd_registry.cli import main

main()
