"""A search: trials are shared and go on, those that fall behind are given up, and the best can be trained again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runner import error_line, sssd

from sssd_registry.config import Config, load_config
from sssd_registry.data.training_data import TrainingData, training_data
from sssd_registry.errors import SSSDError

pytest.importorskip("optuna", reason="the search extra is not installed")

from sssd_registry.search import study as module
from sssd_registry.search.best_file import write_config
from sssd_registry.search.space import SPACE, searched
from sssd_registry.search.study import Found, search
from sssd_registry.search.trial import Outcome

SETTLED = ["training.max_steps=12", "training.validate_every=4", "training.noise_draws=2", "model.state_size=4",
           "training.validation_windows=8", "data.horizons=[1, 4]", 'data.timeframes={"1h" = 24}',
           "model.feature_size=8", "model.num_layers=1"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tiny_csv: Path) -> TrainingData:
    return training_data(tiny_csv, load_config(None, SETTLED).data)


def pretend(score: Callable[[Config, int], float]) -> Callable[..., Outcome]:
    """A trial without training, whose validation at each of three steps is ``score(config, step)``."""

    def run(_data: TrainingData, config: Config, validated: Callable[[int, float], None]) -> Outcome:
        for step in (4, 8, 12):
            validated(step, score(config, step))
        final = score(config, 12)
        return Outcome(final, 2 * final, 12, True, 0.5)

    return run


def go(data: TrainingData, storage: Path, trials: int, **how: object) -> Found:
    return search(data, load_config(None, SETTLED), storage, trials=trials, **{"heads": ["mlp"], **how})  # type: ignore[arg-type]


def test_it_finds_a_valley(data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_trial", pretend(lambda config, _: abs(config.model.dropout - 0.2)))
    found = go(data, tmp_path / "s.db", 24)
    assert len(found.rows) == 24
    assert found.rows[0].score < 0.02
    assert found.config.model.dropout == found.rows[0].values["model.dropout"]
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_falls_behind_is_given_up(data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_trial", pretend(lambda config, step: config.training.learning_rate / step))
    found = go(data, tmp_path / "s.db", 16)
    given_up = [row for row in found.rows if row.state == "given up"]
    assert given_up
    assert all(row.steps < 12 for row in given_up)
    assert min(row.values["training.learning_rate"] for row in given_up) > found.config.training.learning_rate


def test_stopped_and_gone_on_with_it_is_the_same_search(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_trial", pretend(lambda config, _: config.model.dropout))
    whole = go(data, tmp_path / "whole.db", 10)
    for trials in (4, 4, 10):
        parts = go(data, tmp_path / "parts.db", trials)
        assert len(parts.rows) == trials
    assert [row.values for row in parts.rows] == [row.values for row in whole.rows]
    assert go(data, tmp_path / "other.db", 2, seed=1).rows[0].values != whole.rows[0].values


def test_an_interrupted_trial_does_not_count(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_trial", stop)
    with pytest.raises(KeyboardInterrupt):
        go(data, tmp_path / "s.db", 2)
    monkeypatch.setattr(module, "run_trial", pretend(lambda *_: 1.0))
    assert [row.number for row in go(data, tmp_path / "s.db", 2).rows] == [1, 2]


def test_failures_are_told_and_do_not_go_on_for_ever(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, config: Config, __: object) -> Outcome:
        if config.model.head == "dit":
            raise SSSDError("not with this head")
        return Outcome(1.0, 2.0, 12, False, 0.5)

    monkeypatch.setattr(module, "run_trial", refuse)
    found = go(data, tmp_path / "s.db", 6, heads=["mlp", "dit"], score="energy")
    assert {row.reason for row in found.rows} == {"", "not with this head"}
    assert found.rows[0].score == 2.0
    with pytest.raises(SSSDError, match="none of 3 trials came to its end: not with this head"):
        go(data, tmp_path / "other.db", 3, heads=["dit"])


def test_a_storage_of_something_else_is_refused(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_trial", pretend(lambda *_: 1.0))
    go(data, tmp_path / "s.db", 1)
    with pytest.raises(SSSDError, match="other data, settings, heads or score"):
        go(data, tmp_path / "s.db", 2, score="energy")
    (tmp_path / "text.db").write_text("no database, " * 100)
    with sqlite3.connect(tmp_path / "mine.db") as mine:
        mine.execute("CREATE TABLE studies (a)")
    for name in ("text.db", "mine.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(SSSDError, match="cannot be used as a search's storage"):
            go(data, tmp_path / name, 1)
        assert (tmp_path / name).read_bytes() == before


def test_what_is_settled_is_not_searched(data: TrainingData, tmp_path: Path) -> None:
    space = searched(load_config(None, SETTLED), ["mlp"])
    assert set(SPACE) - set(space) == {"model.feature_size", "model.num_layers"}
    values = {name: 1 if "size" in name or "layers" in name else 0.5 for name in SPACE}
    everything = load_config(None, [*SETTLED, *(f"{name}={value}" for name, value in values.items())])
    with pytest.raises(SSSDError, match="nothing is left to search"):
        search(data, everything, tmp_path / "s.db", trials=1, heads=["mlp"])


def test_a_configuration_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = ['data.time="Zeit – \\"1\\""', "model.head_options={hidden_sizes = [8, 16]}", "training.learning_rate=1e-5"]
    config = load_config(None, [*SETTLED, *text])
    write_config(config, tmp_path / "best.toml")
    assert load_config(tmp_path / "best.toml") == config


def test_the_command_searches_and_the_best_is_trained_again(tiny_csv: Path, tmp_path: Path) -> None:
    settled = [word for setting in SETTLED for word in ("--set", setting)]
    best, picture = tmp_path / "best.toml", tmp_path / "search.png"
    common = ["search", tiny_csv, "--storage", tmp_path / "s.db", "--trials", 2, *settled]
    outcome = sssd(*common, "--json", "--out", best, "--plot", picture)
    assert (outcome.code, outcome.words) == (0, ""), outcome.err
    found = json.loads(outcome.out)
    assert len(found["rows"]) == 2
    assert all(row["energy"] > row["crps"] > 0 for row in found["rows"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    trained = sssd("train", tiny_csv, "--out", tmp_path / "model", "--config", best)
    assert trained.code == 0, trained.err
    record = json.loads((tmp_path / "model" / "config.json").read_text())["record"]
    assert record["validation_crps"] == found["rows"][0]["crps"]
    table = sssd(*common)
    assert "2 complete, 0 given up early, 0 failed" in table.out
    assert "best: --set " in table.out


def test_refusals_come_before_any_work(tiny_csv: Path, tmp_path: Path) -> None:
    common = ["search", tiny_csv, "--trials", 1, "--storage", tmp_path / "s.db"]
    assert "crps or energy" in error_line(sssd(*common, "--score", "mse"))
    assert "no head named 'mpl'" in error_line(sssd(*common, "--heads", "mpl"))
    assert ".toml" in error_line(sssd(*common, "--out", tmp_path / "best.json"))
    assert not (tmp_path / "s.db").exists()
