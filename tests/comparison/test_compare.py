"""``sssd compare`` on a real, if tiny, model: common random numbers, resuming, and the default that it writes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_runner import Outcome, error_line, sssd

from sssd_registry.check_model import sign_model
from sssd_registry.comparison import compare as comparison_run
from sssd_registry.comparison.quality import Quality, quality
from sssd_registry.data.split import origins_between
from sssd_registry.evaluation.encoded_windows import encode_windows
from sssd_registry.evaluation.multivariate import energy_score
from sssd_registry.evaluation.scores import coverage, crps
from sssd_registry.model.batches import evenly_spaced
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.registry import registry
from sssd_registry.storage.sampling_defaults import write_tuned


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def compare(model: Path, data: Path, *extra: object) -> Outcome:
    return sssd("compare", model, data, "--max-windows", 12, "--samples", 8, *extra)


def rows(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.code == 0, outcome.err
    found: list[dict[str, Any]] = json.loads(outcome.out)["rows"]
    return found


def test_every_scheduler_is_there_or_skipped_with_a_reason(model: Path, tiny_csv: Path) -> None:
    write_tuned(model, SSSDPipeline.from_pretrained(model).tableau(3))
    done = compare(model, tiny_csv, "--steps", 5, "--json")
    tree = json.loads(done.out)
    compared = {row["scheduler"] for row in tree["rows"]}
    skipped = {row["scheduler"]: row["reason"] for row in tree["skipped"]}
    assert compared | set(skipped) == {*registry().schedulers, "tuned"}
    assert "distilled" in skipped["lcm"]
    assert "flow matching" in skipped["flow-euler"]
    assert [row["steps"] for row in tree["rows"] if row["scheduler"] == "tuned"] == [3]
    assert [row["crps"] for row in tree["rows"]] == sorted(row["crps"] for row in tree["rows"])
    assert {row["calls"] for row in tree["rows"] if row["scheduler"] == "heun"} == {9}
    assert all(row["milliseconds"] > 0 and row["crps_se"] > 0 for row in tree["rows"])
    assert all(
        row[f"{name}{end}"] > 0 for row in tree["rows"] for name in ("energy", "variogram") for end in ("", "_se")
    )
    assert tree["best"] == f"{tree['rows'][0]['scheduler']}-{tree['rows'][0]['steps']}"
    assert any(row["front"] for row in tree["rows"])


def test_the_noise_is_common(model: Path, tiny_csv: Path) -> None:
    """DDIM and Euler are one solver of the same equation: from the same noise they end in the same samples.

    Their tableaus differ, so neither's score is taken from the other's row in the file of finished rows.
    """
    found = rows(compare(model, tiny_csv, "--schedulers", "ddim,euler", "--steps", 4, "--json"))
    assert len(json.loads(model.with_name("model.compare.json").read_text())["rows"]) == 2
    assert found[0]["crps"] == pytest.approx(found[1]["crps"], rel=1e-5)
    assert found[1]["excess_se"] < 1e-3 * found[0]["crps_se"]


def test_one_solver_under_two_names_is_one_row_of_work(model: Path, tiny_csv: Path) -> None:
    names = ["--schedulers", "ddim", "--schedulers", "ddim:timestep_spacing=trailing"]
    same = rows(compare(model, tiny_csv, *names, "--steps", 4, "--json"))
    assert len(same) == 2
    assert same[0]["crps"] == same[1]["crps"]


def test_batches_do_not_change_a_score(model: Path, tiny_frame: pd.DataFrame) -> None:
    pipeline = SSSDPipeline.from_pretrained(model)
    source = pipeline.source(tiny_frame)
    assert pipeline.record is not None
    every = origins_between(source, pipeline.record.validation_start, pipeline.record.test_start, 4)
    windows = encode_windows(pipeline.network, source, every.take(np.arange(9)), [1, 4])
    tableau = pipeline.tableau(3)
    whole, one_by_one = windows.forecast(tableau, 6, 0), windows.forecast(tableau, 6, 0, at_once=1)
    observed = windows.observed
    np.testing.assert_allclose(crps(whole, observed), crps(one_by_one, observed), rtol=1e-5)
    for level in (0.5, 0.9):
        assert coverage(whole, observed, level) == coverage(one_by_one, observed, level)


def test_it_goes_on_where_it_was_stopped(model: Path, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(1)
        return quality(*arguments, **options)

    words = ("--schedulers", "ddim,unipc", "--steps", "3,5", "--json")
    unbroken = rows(compare(model, tiny_csv, *words, "--out", model.with_name("other.json")))
    monkeypatch.setattr(comparison_run, "quality", counted)
    stopped = compare(model, tiny_csv, *words)
    assert (stopped.code, len(calls)) == (130, 2)
    assert "the same command goes on" in stopped.err
    calls.clear()
    resumed = rows(compare(model, tiny_csv, *words))
    assert len(calls) == 2  # of four, two were there
    timeless = [{key: value for key, value in row.items() if key not in ("milliseconds", "front")} for row in resumed]
    assert timeless == [{key: row[key] for key in timeless[0]} for row in unbroken]
    assert len(rows(compare(model, tiny_csv, *words))) == 4
    assert len(calls) == 2


def test_rows_of_before_paths_were_scored_are_made_again(model: Path, tiny_csv: Path) -> None:
    words = ("--schedulers", "ddim", "--steps", 3, "--json")
    before = rows(compare(model, tiny_csv, *words))
    state = model.with_name("model.compare.json")
    tree = json.loads(state.read_text())
    for row in tree["rows"].values():
        del row["energy"], row["variogram"]
    state.write_text(json.dumps(tree))
    after = rows(compare(model, tiny_csv, *words))
    assert [row["energy"] for row in after] == [row["energy"] for row in before]
    assert all("energy" in row for row in json.loads(state.read_text())["rows"].values())


def test_the_energy_of_a_row_is_that_of_its_paths(model: Path, tiny_frame: pd.DataFrame, tiny_csv: Path) -> None:
    pipeline = SSSDPipeline.from_pretrained(model)
    source = pipeline.source(tiny_frame)
    assert pipeline.record is not None
    every = origins_between(source, pipeline.record.validation_start, pipeline.record.test_start, 4)
    windows = encode_windows(pipeline.network, source, evenly_spaced(every, 12), [1, 4])
    samples, observed = windows.forecast(pipeline.tableau(3), 8, 0), windows.observed
    expected = energy_score(samples, observed).mean()
    (row,) = rows(compare(model, tiny_csv, "--schedulers", "dpmsolver++", "--steps", 3, "--json"))
    assert row["energy"] == pytest.approx(expected, rel=1e-6)


def test_other_data_or_another_seed_is_compared_anew(model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    words = ("--schedulers", "ddim", "--steps", 3, "--json")
    first = rows(compare(model, tiny_csv, *words))[0]["crps"]
    assert rows(compare(model, tiny_csv, *words, "--seed", 1))[0]["crps"] != first
    frame = pd.read_csv(tiny_csv)
    frame["close"] *= np.where(np.arange(len(frame)) == 480, 1.01, 1.0)
    frame[["high", "low"]] = np.stack([frame[["high", "close"]].max(axis=1), frame[["low", "close"]].min(axis=1)], 1)
    frame.to_csv(tmp_path / "changed.csv", index=False)
    assert rows(compare(model, tmp_path / "changed.csv", *words))[0]["crps"] != first
    assert rows(compare(model, tiny_csv, *words))[0]["crps"] == first


def test_the_default_it_writes_is_used_from_then_on(model: Path, tiny_csv: Path) -> None:
    done = compare(model, tiny_csv, "--schedulers", "ddim,dpmsolver++", "--steps", "2,7", "--write-default")
    assert done.code == 0, done.err
    assert "is its default now" in done.out
    choice = json.loads((model / "sampling.json").read_text())
    explicit = sssd("forecast", model, tiny_csv, "--scheduler", choice["scheduler"], "--steps", choice["steps"])
    assert sssd("forecast", model, tiny_csv).out == explicit.out
    assert sssd("evaluate", model, tiny_csv, "--max-windows", 4).code == 0


def test_the_table_names_the_best_and_the_picture_is_drawn(model: Path, tiny_csv: Path, tmp_path: Path) -> None:
    words = ("--schedulers", "ddim,unipc,heun", "--steps", "2,4", "--part", "test")
    done = compare(model, tiny_csv, *words, "--plot", tmp_path / "p.png")
    assert done.code == 0, done.err
    assert "test windows" in done.out
    assert "best: " in done.out
    assert "cheapest within 1.00% of it" in done.out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "not '.gif'" in error_line(compare(model, tiny_csv, *words, "--plot", tmp_path / "p.gif"))


@pytest.mark.parametrize(("best_step", "in_use"), [(0, False), (8, True)])
def test_a_network_that_was_left_out_is_noted(model: Path, tiny_csv: Path, best_step: int, in_use: bool) -> None:
    stored = json.loads((model / "config.json").read_text())
    stored["record"]["best_step"] = best_step
    (model / "config.json").write_text(json.dumps(stored))
    sign_model(model)
    done = compare(model, tiny_csv, "--schedulers", "ddim", "--steps", 4)
    assert ("training left this model's network out" in done.err) is not in_use
    tree = json.loads(compare(model, tiny_csv, "--schedulers", "ddim", "--steps", 4, "--json").out)
    assert tree["network_in_use"] is in_use


def test_an_engine_and_a_damaged_state_are_refused(model: Path, tiny_engine: Path, tiny_csv: Path) -> None:
    assert "compare on the model it was made from" in error_line(compare(tiny_engine, tiny_csv))
    state = model.with_name("model.compare.json")
    for text in ("{", "[]", '{"rows": {"a": {}}}'):
        state.write_text(text)
        line = error_line(compare(model, tiny_csv, "--schedulers", "ddim", "--steps", 2))
        assert f"{state} is damaged" in line


def test_when_nothing_can_be_compared_it_says_why(model: Path, tiny_csv: Path) -> None:
    line = error_line(compare(model, tiny_csv, "--schedulers", "flow-euler", "--steps", 4))
    assert "nothing to compare: flow-euler is for models trained by flow matching" in line


def test_another_setting_leaves_finished_rows_alone(
    model: Path, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--schedulers", "ddim,unipc", "--steps", 3, "--json")
    before = rows(compare(model, tiny_csv, *words))
    rows(compare(model, tiny_csv, *words, "--part", "test"))
    monkeypatch.setattr(comparison_run, "quality", lambda *_: pytest.fail("a finished row was run again"))
    assert {row["crps"] for row in rows(compare(model, tiny_csv, *words))} == {row["crps"] for row in before}


def test_a_solver_that_diverges_is_skipped(model: Path, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(windows: Any, tableau: Any, *rest: Any) -> Quality:
        found = quality(windows, tableau, *rest)
        return found if tableau.num_inference_steps == 3 else replace(found, crps=found.crps * np.nan)

    monkeypatch.setattr(comparison_run, "quality", diverging)
    done = compare(model, tiny_csv, "--schedulers", "ddim", "--steps", "2,3", "--json")
    assert [row["steps"] for row in rows(done)] == [3]
    skipped = json.loads(done.out)["skipped"]
    assert skipped == [{"scheduler": "ddim", "steps": 2, "reason": "its forecasts are not finite"}]
    line = error_line(compare(model, tiny_csv, "--schedulers", "ddim", "--steps", 2))
    assert "no solver gives finite forecasts" in line


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(model: Path, tiny_csv: Path) -> None:
    for place in ("p.gif", "nowhere/p.png"):
        error_line(compare(model, tiny_csv, "--schedulers", "ddim", "--plot", model / place))
    assert not model.with_name("model.compare.json").exists()


def test_the_model_may_be_the_present_folder(model: Path, tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    rows(compare(Path("."), tiny_csv, "--schedulers", "ddim", "--steps", 2, "--json"))
    assert model.with_name("model.compare.json").exists()


def test_json_stays_json_where_a_default_is_written(model: Path, tiny_csv: Path) -> None:
    done = compare(model, tiny_csv, "--schedulers", "ddim", "--steps", 2, "--json", "--write-default")
    assert json.loads(done.out)["choice"] == "ddim-2"
    assert "ddim-2 is its default now" in done.err
