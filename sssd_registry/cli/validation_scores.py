"""Scores of a trained model on its validation part, beside naive forecasts, in data units."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from sssd_registry.errors import some

_SHOWN = 10


def tell_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """Print a line for each target, and on standard error where a naive forecast did better.

    Args:
        scores: CRPS by forecaster, the model first, and target.
    """
    model, *naive = scores
    targets = list(scores[model])
    width = max(len(target) for target in targets[:_SHOWN])
    typer.echo("validation CRPS, in the units of the data:")
    for target in targets[:_SHOWN]:
        values = "   ".join(f"{name} {scores[name][target]:.4g}" for name in scores)
        typer.echo(f"  {target:<{width}}   {values}")
    if len(targets) > _SHOWN:
        typer.echo(f"  and {len(targets) - _SHOWN} more targets")
    for name in naive:
        worse = [target for target in targets if scores[model][target] > scores[name][target]]
        if worse:
            typer.echo(f"warning: the {name} forecast {some(worse, 3)} better than the model", err=True)
