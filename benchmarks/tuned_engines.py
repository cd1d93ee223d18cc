"""Goals of the engines that `--auto` chooses, for the test that times them and for the page that reports them.

Of a trained model, and of the same distilled: to one step, the U-Net of workload D to two.
"""

from __future__ import annotations

# Workload -> how many times as fast as DDIM-100.
TUNED = {"A": 40.0, "C": 40.0, "D": 15.0}


AUTO, DISTILLED = "as --auto chose", "distilled, as --auto chose"
# Row of a workload's table -> what its result begins with in test_quality.py.
CHOSEN = {AUTO: "auto", DISTILLED: "distilled"}
# The goals that are met from run to run: missing one of them by more than a tenth fails the run.
TUNED_MET = {("A", DISTILLED), ("C", AUTO), ("C", DISTILLED), ("D", AUTO), ("D", DISTILLED)}


def chosen_for(workload: str, row: str) -> str:
    """The result, of test_quality.py, that says what `--auto` chose for such a head."""
    return CHOSEN[row] + (", U-Net" if workload == "D" else "")
