"""``python -m sssd_registry.cli``."""

from __future__ import annotations

from sssd_registry.cli import main

main()
