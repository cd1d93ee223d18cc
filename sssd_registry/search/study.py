"""The search itself: trials from a storage that many processes may share, until there are as many as were asked for.

A trial's choices follow from the seed, its number and the trials before it, so that workers that begin together do not
try the same. (Tree-structured Parzen estimators: Bergstra, Bardenet, Bengio and Kégl 2011, "Algorithms for
hyper-parameter optimization", NeurIPS 24. A trial is given up where its best validation so far is worse than the median
of the others' at that step.)
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sssd_registry.config import Config
from sssd_registry.data.training_data import TrainingData
from sssd_registry.data.windows import data_digest
from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import check_file
from sssd_registry.plugin_api.hookspecs import Report, silent
from sssd_registry.search.space import searched, with_values
from sssd_registry.search.trial import run_trial

if TYPE_CHECKING:
    import optuna

NAME = "sssd"
Score = Literal["crps", "energy"]
# Trials of which the first are drawn at random, and none is given up.
_RANDOM = 8


@dataclass(frozen=True)
class Row:
    """One trial that is over.

    Attributes:
        state: ``complete``, ``given up`` after the last validation, or ``failed``.
        score: what was searched for; of a trial given up its last validation's CRPS; NaN of a failed one.
        values: the settings that were searched, by their dotted names.
        reason: why it failed.
    """

    number: int
    state: Literal["complete", "given up", "failed"]
    score: float
    crps: float
    energy: float
    steps: int
    network_in_use: bool
    seconds: float
    values: dict[str, Any]
    reason: str = ""


@dataclass(frozen=True)
class Found:
    """Trials of a search, the best first.

    Attributes:
        score: what was searched for.
        rows: complete ones by score, then those given up, then failed ones.
        config: the best one's configuration.
    """

    score: Score
    rows: tuple[Row, ...]
    config: Config

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON, with None for scores that there are not."""
        rows = [{name: _plain(value) for name, value in asdict(row).items()} for row in self.rows]
        return {"score": self.score, "unit": "standard units", "rows": rows, "config": self.config.model_dump()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def search(
    data: TrainingData,
    settled: Config,
    storage: Path,
    *,
    trials: int,
    heads: Sequence[str],
    score: Score = "crps",
    seed: int = 0,
    report: Report = silent,
) -> Found:
    """Go on with the search in ``storage`` until it has so many trials, whoever made them.

    Args:
        data: what ``settled.data`` made of the file.
        settled: what all trials share; only what it leaves open is searched.
        storage: SQLite file, made where there is none. Any number of processes may search in it.
        trials: how many trials, failed ones and those given up among them.
        heads: among which the head is chosen.
        score: what is to be low on the validation part.
        seed: of the choices.
        report: told trials that are over, how many in all, and what is next.

    Raises:
        SSSDError: a storage of something else, nothing left to search, or no trial that could be trained.
        TrainingInterrupted: Ctrl-C; the trial is tried again by whoever goes on.
    """
    space = searched(settled, heads)
    if not space:
        raise SSSDError("nothing is left to search: take --set or lines of --config away, or give several --heads")
    base = with_values(settled, {"model.head": heads[0]} if len(heads) == 1 else {})
    study = _open(storage, _fingerprint(data, base, heads, score))
    while (done := len(_over(study))) < trials:
        report(done, trials, "")
        _one(study, data, base, space, score, seed, lambda now, done=done: report(done, trials, now))
    return _found(study, base, score, storage)


def _open(storage: Path, fingerprint: str) -> optuna.Study:
    import optuna

    _check_storage(storage)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{storage}",
            study_name=NAME,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_RANDOM // 2),
        )
        known = study.user_attrs.get("fingerprint")
    except Exception as error:  # SQLAlchemy, alembic and optuna have no common kind for a file that is none of theirs
        raise _no_storage(storage, type(error).__name__) from error
    if known not in (None, fingerprint):
        raise SSSDError(f"{storage} has trials of other data, settings, heads or score: name another with --storage")
    study.set_user_attr("fingerprint", fingerprint)
    return study


def _check_storage(storage: Path) -> None:
    """Refuse a file that is somebody else's: optuna would put its tables into any database."""
    check_file(storage)
    if not storage.exists():
        return
    try:
        with closing(sqlite3.connect(f"{storage.resolve().as_uri()}?mode=ro", uri=True)) as base:
            tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise _no_storage(storage, str(error)) from error
    if tables and not {"studies", "version_info"} <= tables:
        raise _no_storage(storage, "its tables are not optuna's")


def _no_storage(storage: Path, reason: str) -> SSSDError:
    return SSSDError(f"{storage} cannot be used as a search's storage ({reason}): name another with --storage")


def _fingerprint(data: TrainingData, base: Config, heads: Sequence[str], score: Score) -> str:
    """Digest of what trials have to share to be compared."""
    shared = [data_digest(data.source), base.model_dump_json(), sorted(heads), score]
    return hashlib.sha256(json.dumps(shared).encode()).hexdigest()


def _one(study: optuna.Study, data: TrainingData, base: Config, space: Any, score: Score, seed: int, tell: Any) -> None:
    """Try one configuration, and write down what became of it."""
    import optuna

    trial = study.ask()
    study.sampler = optuna.samplers.TPESampler(seed=(seed * 1_000_003 + trial.number) % 2**32, n_startup_trials=_RANDOM)
    values = {name: suggest(trial, name) for name, suggest in space.items()}
    most = base.training.max_steps

    def validated(step: int, crps: float) -> None:
        tell(f"trial {trial.number}: step {step} of {most}, CRPS {crps:.4f}")
        if math.isfinite(crps):
            trial.report(crps, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        outcome = run_trial(data, with_values(base, values), validated)
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except SSSDError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    except BaseException:  # Ctrl-C among them: not over, since nothing is known of it
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    else:
        for name, value in asdict(outcome).items():
            trial.set_user_attr(name, value)
        study.tell(trial, outcome.energy if score == "energy" else outcome.crps)


def _over(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials of which something is known; of a killed or interrupted one nothing is."""
    import optuna

    state = optuna.trial.TrialState
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (state.COMPLETE, state.PRUNED) or "reason" in trial.user_attrs
    ]


def _found(study: optuna.Study, base: Config, score: Score, storage: Path) -> Found:
    order = ("complete", "given up", "failed")
    rows = sorted(map(_row, _over(study)), key=lambda row: (order.index(row.state), _sortable(row.score), row.number))
    if rows[0].state != "complete":
        reasons = [row.reason for row in rows if row.reason]
        raise SSSDError(f"{storage}: none of {len(rows)} trials came to its end{f': {reasons[0]}' if reasons else ''}")
    return Found(score, tuple(rows), with_values(base, rows[0].values))


def _sortable(score: float) -> float:
    return math.inf if math.isnan(score) else score


def _row(trial: optuna.trial.FrozenTrial) -> Row:
    known = trial.user_attrs
    state: Any = "failed" if "reason" in known else "complete" if trial.value is not None and known else "given up"
    last = max(trial.intermediate_values, default=None)
    crps = math.nan if last is None else trial.intermediate_values[last]
    return Row(
        number=trial.number,
        state=state,
        score=crps if trial.value is None else trial.value,
        crps=known.get("crps", crps),
        energy=known.get("energy", math.nan),
        steps=known.get("steps", last or 0),
        network_in_use=known.get("network_in_use", True),
        seconds=known.get("seconds", trial.duration.total_seconds() if trial.duration else math.nan),
        values=dict(trial.params),
        reason=known.get("reason", ""),
    )
