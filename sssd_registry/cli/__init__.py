"""The commands of ``sssd``. Each imports what it needs when it runs."""

from __future__ import annotations

import typer

from sssd_registry.cli.backtest import backtest
from sssd_registry.cli.check import check
from sssd_registry.cli.compare import compare
from sssd_registry.cli.distill import distill
from sssd_registry.cli.evaluate import evaluate
from sssd_registry.cli.exit_status import run_app
from sssd_registry.cli.forecast import forecast
from sssd_registry.cli.impute import impute
from sssd_registry.cli.new_plugin import new_plugin
from sssd_registry.cli.plugins import plugins
from sssd_registry.cli.report import report
from sssd_registry.cli.search import search
from sssd_registry.cli.train import train
from sssd_registry.cli.tune import tune

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Probabilistic time-series forecasts by diffusion, with schedulers and noise heads as plugins.",
)
for command in (
    train,
    search,
    forecast,
    impute,
    evaluate,
    backtest,
    report,
    compare,
    tune,
    distill,
    check,
    plugins,
    new_plugin,
):
    app.command()(command)


def main() -> None:
    """Entry point."""
    run_app(app)
