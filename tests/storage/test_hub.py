"""Pushing to and fetching from the Hub, which here is a folder: no network."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers.utils.hub_utils as hub_utils
import huggingface_hub
import numpy as np
import pandas as pd
import pytest

from sssd_registry.errors import SSSDError
from sssd_registry.pipeline import SSSDPipeline


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes uploads and gives downloads, each repository a folder in it."""
    root = tmp_path / "hub"
    fetched = tmp_path / "cache"

    def create_repo(repo_id: str, **_: Any) -> Any:
        (root / repo_id).mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(*, repo_id: str, folder_path: str, **_: Any) -> str:
        shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)
        return repo_id

    def snapshot_download(repo_id: str, *, allow_patterns: list[str], **_: Any) -> str:
        if not (root / repo_id).is_dir():
            raise huggingface_hub.errors.LocalEntryNotFoundError("no connection, and nothing cached")
        for file in (root / repo_id).rglob("*"):
            name = file.relative_to(root / repo_id)
            if file.is_file() and any(name.match(pattern) for pattern in allow_patterns):
                (fetched / repo_id / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, fetched / repo_id / name)
        return str(fetched / repo_id)

    class Card:
        def save(self, path: str) -> None:
            Path(path).write_text("a card")

    monkeypatch.setattr(hub_utils, "create_repo", create_repo)
    monkeypatch.setattr(hub_utils, "upload_folder", upload_folder)
    monkeypatch.setattr(hub_utils, "load_or_create_model_card", lambda *_, **__: Card())
    monkeypatch.setattr(hub_utils, "populate_model_card", lambda card, **_: card)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return root


def test_a_round_trip_forecasts_the_same(tiny_model: Path, tiny_frame: pd.DataFrame, hub: Path) -> None:
    pipe = SSSDPipeline.from_pretrained(tiny_model)
    pipe.push_to_hub("someone/bars")
    assert (hub / "someone/bars/README.md").exists()
    (hub / "someone/bars/evil.py").write_text("raise SystemExit")
    again = SSSDPipeline.from_pretrained("someone/bars")
    made = [one(tiny_frame, generator=1, num_samples=4).samples for one in (pipe, again)]
    np.testing.assert_array_equal(*made)
    assert not list(hub.parent.joinpath("cache").rglob("*.py")), "only a model folder's own files are fetched"


def test_saving_can_push(tiny_model: Path, hub: Path, tmp_path: Path) -> None:
    pipe = SSSDPipeline.from_pretrained(tiny_model)
    pipe.save_pretrained(tmp_path / "bars", push_to_hub=True, repo_id="someone/else")
    assert (hub / "someone/else/model.safetensors").exists()


def test_what_is_neither_here_nor_there(hub: Path) -> None:
    with pytest.raises(SSSDError, match="nobody/none is no folder here, and cannot be fetched from the Hub: no conn"):
        SSSDPipeline.from_pretrained("nobody/none")


def test_a_path_is_never_asked_of_the_hub(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="not a model folder"):
        SSSDPipeline.from_pretrained(tmp_path / "none")
