"""``backtest(data, config)``: rolling origins, with or without a training for each."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from sssd_registry.backtesting.folder import Tables, settle_folder
from sssd_registry.backtesting.folds import Fold
from sssd_registry.backtesting.plan import Options, Plan, make_plan, settings_of
from sssd_registry.backtesting.processes import run_folds
from sssd_registry.backtesting.result import Backtest, read_backtest
from sssd_registry.backtesting.run_fold import Done, Report, train_for
from sssd_registry.config import Config
from sssd_registry.data.other_frames import Data
from sssd_registry.errors import SSSDError
from sssd_registry.files.opening import claimed
from sssd_registry.plugin_api.given_head import Head, check_sent, head_spec


def backtest(
    data: Data,
    config: Config | None = None,
    *,
    head: Head | None = None,
    folds: int = 5,
    refit: bool = False,
    step: int | None = None,
    windows: int = 1,
    num_samples: int = 100,
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    format: str = "parquet",
    report: Callable[[Fold, Done], None] | None = None,
    training: Report | None = None,
) -> Backtest:
    """Train on the past, forecast, go on in time, and again; then score all forecasts beside naive ones.

    Nothing after an origin is seen in its forecast: what is trained on ends with the fold's first origin, and each
    window is cut from rows that are known there.

    Args:
        data: frame or file.
        config: of the trainings; no test part is held out, since all folds lie after what is trained on.
        head: factory of a noise head, as :func:`~sssd_registry.training.train.train` takes it; with several jobs, one
            that their processes can import.
        folds: trainings, or without ``refit`` stretches of time, each ``step`` bars after the one before.
        refit: train for each fold anew, on all of its past. Else one model, of the first fold's past, forecasts all.
        step: bars from a fold to the next; default: the farthest horizon.
        windows: origins of each fold, evenly spaced over its step.
        num_samples: S.
        seed: of the forecasts' noise.
        jobs: processes that folds are run by.
        out: folder for tables and models, where finished folds are found again; default: a temporary one, which stays.
        format: of the tables, ``parquet`` or ``csv``.
        report: told each fold that ends, and its outcome.
        training: told steps of the one training without ``refit``, and of how many.

    Raises:
        SSSDError: bad data or options, ``out`` has folds of other settings, or folds that could not be run; the others
            are finished by then.
    """
    if jobs < 1:
        raise SSSDError(f"jobs has to be 1 or more, got {jobs}")
    given = None if head is None else head_spec(head)
    if given is not None and jobs > 1:
        check_sent(given)
    plan = make_plan(
        data, config or Config(), Options(folds, refit, step, windows, num_samples, seed, format), given
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="backtest-")) if out is None else Path(out)
    tables = Tables(folder, format)
    with claimed(folder, f"{folder} is being written by another backtest: wait, or name another folder with --out"):
        settle_folder(folder, settings_of(plan))
        left = [fold for fold in plan.folds if not tables.is_finished(fold.number)]
        if left and not refit:
            train_for(plan, plan.folds[0], tables.model(None), training)
        _run(plan, left, folder, jobs, report)
    return read_backtest(plan, folder)


def _run(plan: Plan, left: list[Fold], out: Path, jobs: int, report: Callable[[Fold, Done], None] | None) -> None:
    """Run folds; tell each warning once.

    Raises:
        SSSDError: one could not be run, after the others were.
    """
    told: set[str] = set()
    failed: list[Done] = []
    for done in run_folds(plan, left, out, jobs):
        for kind, text in done.told:
            if text not in told:
                told.add(text)
                warnings.warn(text, kind, stacklevel=3)
        if report is not None:
            report(plan.folds[done.fold - 1], done)
        if done.error:
            failed.append(done)
    if failed:
        first = min(failed, key=lambda done: done.fold)
        raise SSSDError(
            f"{len(failed)} of {len(plan.folds)} folds could not be run, the first fold {first.fold}: {first.error};"
            " the same command tries them again"
        )
