"""Solvers made for one model: time steps searched for, instead of taken from a formula."""
