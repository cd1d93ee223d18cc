"""Scores, naive forecasts, and a model or engine beside them."""
