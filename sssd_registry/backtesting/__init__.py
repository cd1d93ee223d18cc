"""Backtests: a forecaster trained and scored again and again, each time on nothing but its past."""
