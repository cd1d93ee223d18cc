"""The hashes in ``model_index.json``, and ``sssd check``."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_runner import error_line, sssd

from sssd_registry.errors import SSSDError
from sssd_registry.files.atomic import atomic_file
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.storage.index import (
    FILES,
    MARKER,
    check_files,
    digest,
    file_states,
    own_file,
    read_index,
    replace_file,
)
from sssd_registry.storage.sampling_defaults import read_sampling_defaults, write_default


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit(file: Path, **changes: Any) -> None:
    """Change entries of a JSON file, as with an editor."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}, indent=2))


def without_hashes(folder: Path) -> None:
    """As it was written by versions of before."""
    entries = json.loads((folder / MARKER).read_text())
    kept = {name: value for name, value in entries.items() if name not in ("_files", "_pending", "_sha256")}
    (folder / MARKER).write_text(json.dumps(kept, indent=1))


def test_every_file_of_a_model_is_hashed(model: Path) -> None:
    index = read_index(model)
    assert set(index.files or {}) == {name for name in FILES if (model / name).is_file()}
    assert set(file_states(model, index).values()) == {"as saved"}
    done = sssd("check", model)
    assert done.code == 0
    assert done.out.count("as saved") == 4
    assert "forecasts close 1, 4 bars of 1h ahead, by head mlp and DPMSolverMultistepScheduler in 20 steps" in done.out


def test_files_beside_a_models_are_no_part_of_it(model: Path) -> None:
    (model / "README.md").write_text("a card")
    (model / ".git").mkdir()
    (model / ".git" / "config").write_text("x")
    (model / "prices.csv").write_text("time,close\n")
    assert "README" not in sssd("check", model).out
    SSSDPipeline.from_pretrained(model)


def test_a_change_by_hand_is_found_and_can_be_signed(model: Path, tiny_csv: Path) -> None:
    file = model / "scheduler" / "scheduler_config.json"
    edit(file, solver_order=3)
    line = error_line(sssd("forecast", model, tiny_csv))
    assert line.startswith(f"{file} was changed since the model was saved (its SHA-256 differs)")
    assert line.endswith(f"or `sssd check {model} --sign` if you changed it yourself")
    checked = sssd("check", model)
    assert checked.code == 2
    assert "scheduler_config.json   changed" in checked.out
    signed = sssd("check", model, "--sign")
    assert signed.code == 0, signed.err
    assert SSSDPipeline.from_pretrained(model).scheduler.config.solver_order == 3
    assert sssd("check", model).code == 0


def test_another_class_of_scheduler_is_signed_into_the_index(model: Path) -> None:
    pipeline = SSSDPipeline.from_pretrained(model)
    from diffusers import EulerDiscreteScheduler

    EulerDiscreteScheduler.from_config(pipeline.scheduler.config).save_pretrained(model / "scheduler")
    assert sssd("check", model, "--sign").code == 0
    assert json.loads((model / MARKER).read_text())["scheduler"] == ["diffusers", "EulerDiscreteScheduler"]
    assert type(SSSDPipeline.from_pretrained(model).scheduler) is EulerDiscreteScheduler


def test_what_is_wrong_is_not_signed(model: Path) -> None:
    before = (model / MARKER).read_bytes()
    for changes, reason in (
        ({"trained_betas": [0.1] * 1000}, "trained_betas[0] is 0.1, but the model was trained with cosine betas"),
        ({"trained_betas": [0.1]}, "trained_betas are 1, but the model was trained with 1000 time steps"),
        ({"prediction_type": "epsilon"}, "prediction_type is 'epsilon', but the model was trained with 'v_prediction'"),
        ({"num_train_timesteps": 10**9}, "num_train_timesteps is 1000000000"),
        ({"solver_order": "2"}, "solver_order is '2'"),
    ):
        shutil.copytree(model, model.with_name("copy"))
        edit(model.with_name("copy") / "scheduler" / "scheduler_config.json", **changes)
        done = sssd("check", model.with_name("copy"), "--sign")
        assert done.code == 2
        assert reason in done.err
        assert (model.with_name("copy") / MARKER).read_bytes() == before
        shutil.rmtree(model.with_name("copy"))


def test_nan_among_the_betas_is_named(model: Path, tiny_csv: Path) -> None:
    """One that few steps jump over widened a 90 % interval by 42 %, without a word."""
    file = model / "scheduler" / "scheduler_config.json"
    betas = json.loads(file.read_text())["trained_betas"]
    betas[500] = float("nan")
    edit(file, trained_betas=betas)
    assert "scheduler_config.json is cut off or damaged (NaN is not a number)" in error_line(
        sssd("forecast", model, tiny_csv, "--steps", 2)
    )


def test_a_folder_that_lost_its_hashes_is_signed_again(model: Path, tiny_csv: Path) -> None:
    wanted = sssd("forecast", model, tiny_csv).out
    without_hashes(model)
    assert "lost the hashes" in error_line(sssd("forecast", model, tiny_csv))
    assert sssd("check", model, "--sign").code == 0
    assert read_index(model).hashed
    assert sssd("check", model).code == 0
    assert sssd("forecast", model, tiny_csv).out == wanted


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "a/../b", "a\\b", "C:x", "./config.json", "", "\0"])
def test_an_index_names_files_in_its_folder_only(model: Path, name: str) -> None:
    entries = json.loads((model / MARKER).read_text())
    entries["_files"] = {**entries["_files"], name: "0" * 64}
    entries.pop("_sha256")
    (model / MARKER).write_text(json.dumps({**entries, "_sha256": digest(entries)}))
    with pytest.raises(SSSDError, match=r"no file in the folder|damaged"):
        read_index(model)


@pytest.mark.parametrize("key", ["_files", "_sha256", "scheduler", "model", "_library"])
def test_the_index_proves_itself(model: Path, key: str) -> None:
    entries = json.loads((model / MARKER).read_text())
    entries[key] = ["sssd_registry", "x"] if key in ("model", "scheduler") else None
    (model / MARKER).write_text(json.dumps(entries))
    with pytest.raises(SSSDError, match=r"model_index.json (was changed|is damaged)"):
        read_index(model)


def test_a_link_out_of_the_folder_is_refused_but_for_the_hubs_cache(model: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json", MARKER):
        outside = tmp_path / name
        (model / name).rename(outside)
        (model / name).symlink_to(outside)
        with pytest.raises(SSSDError, match=r"is a link to .*, outside of the model folder: copy the file itself"):
            SSSDPipeline.from_pretrained(model)
        (model / name).unlink()
        outside.rename(model / name)
    cache = tmp_path / "models--owner--name"
    snapshot = cache / "snapshots" / "0123"
    (cache / "blobs").mkdir(parents=True)
    for name in (MARKER, *FILES):
        if (model / name).is_file():
            (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
            (model / name).rename(cache / "blobs" / Path(name).name)
            (snapshot / name).symlink_to(os.path.relpath(cache / "blobs" / Path(name).name, (snapshot / name).parent))
    SSSDPipeline.from_pretrained(snapshot)
    (model / "x").symlink_to(model / "x")
    with pytest.raises(SSSDError, match=r"x/y cannot be read: Symlink loop"):
        own_file(model, "x/y")


def test_a_crash_between_any_two_writes_leaves_a_folder_that_agrees(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tuned solver is three writes: the index that expects it, the file, the index that has it."""

    def counted(path: Path) -> Any:
        writes.append(path)
        if len(writes) > allowed:
            raise KeyboardInterrupt
        return atomic_file(path)

    monkeypatch.setattr("sssd_registry.storage.index.atomic_file", counted)
    for steps in (7, 9):  # without a file before, and with one
        for allowed in range(4):
            writes: list[Path] = []
            try:
                write_default(model, "ddim", steps + allowed)
            except KeyboardInterrupt:
                assert len(writes) == allowed + 1
            else:
                assert allowed == 3
            check_files(model, read_index(model))
            read_sampling_defaults(model)
    assert read_sampling_defaults(model).steps == 12
    assert read_index(model).pending == {}


def test_a_file_that_was_not_saved_with_the_model_counts_as_a_change(model: Path) -> None:
    (model / "sampling.json").write_text('{"scheduler": "ddim", "steps": 3, "tuned": []}')
    with pytest.raises(SSSDError, match=r"sampling.json was not saved with the model: delete it, or accept it"):
        SSSDPipeline.from_pretrained(model)
    assert sssd("check", model, "--sign").code == 0
    assert SSSDPipeline.from_pretrained(model).sampling_defaults.steps == 3
    (model / "sampling.json").unlink()
    with pytest.raises(SSSDError, match=r"sampling.json is missing: .* --sign` to go on without it"):
        SSSDPipeline.from_pretrained(model)


def test_a_hash_is_of_a_file_that_was_there(model: Path) -> None:
    replace_file(model, "sampling.json", '{"scheduler": null, "steps": 4, "tuned": []}\n')
    assert file_states(model, read_index(model))["sampling.json"] == "as saved"
