"""Forecasts of many files, a part in and a part out, by several processes."""
