"""Goals of the engines that `--auto` chooses, for the test that times them and for the README that reports them."""

from __future__ import annotations

# Workload -> how many times as fast as DDIM-100.
TUNED = {"A": 40.0, "C": 40.0, "D": 15.0}


def chosen_for(workload: str) -> str:
    """The result, of test_quality.py, that says what `--auto` chose for such a head."""
    return "auto, U-Net" if workload == "D" else "auto"
