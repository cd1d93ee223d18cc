"""``sssd-export refit MODEL ENGINE``."""

from __future__ import annotations

from sssd_export.cli.options import AsJson, EngineFolder, Model, tell_engine


def refit(model: Model, engine: EngineFolder, as_json: AsJson = False) -> None:
    """Put a model's weights into an engine that is there, and leave everything else of it as it is."""
    from sssd_export.refit import refit as run

    tell_engine(engine, run(engine, model), as_json)
