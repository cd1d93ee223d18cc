"""Engines: numpy and the runtime they were compiled for."""
