"""Doors for other libraries of forecasting."""
