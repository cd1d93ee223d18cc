"""Limits of a solver's size. Imports nothing, so that a configuration can be checked at once."""

from __future__ import annotations

# More than a forecast is ever made in, few enough for the coefficients of a solver: steps × steps.
MAX_INFERENCE_STEPS = 10_000
# A hundred times what anybody trains with, and a second's work.
MAX_TIMESTEPS = 100_000
