"""The version of sssd-registry."""

__version__ = "0.1.0"
