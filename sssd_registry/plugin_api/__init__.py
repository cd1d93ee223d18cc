"""Plugins: what they can add, how they are found, and how a name becomes an object."""
