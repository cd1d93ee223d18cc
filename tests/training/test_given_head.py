"""Heads given from Python: trained, saved by name alone, opened with the same factory, and refused with any other."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from cli_runner import error_line, sssd, sssd_export
from torch import Tensor, nn

from sssd_registry import HeadSpec, SSSDForecaster, SSSDPipeline, backtest, compare, distill, train
from sssd_registry.check_model import sign_model
from sssd_registry.config import Config, load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model_or_engine import open_forecaster
from sssd_registry.testing.parameters import fill_zeros
from sssd_registry.testing.tiny_model import put_to_use
from sssd_registry.training.train import TrainingInterrupted


class Small(nn.Module):
    """z (B, S, K, D), t (B, S), cond (B, K, C) -> (B, S, K, D)."""

    def __init__(self, latent_size: int, cond_size: int, options: Any) -> None:
        super().__init__()
        width = getattr(options, "width", 16)
        self.z, self.t, self.cond = nn.Linear(latent_size, width), nn.Linear(1, width), nn.Linear(cond_size, width)
        self.out = nn.Linear(width, latent_size)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        hidden = self.z(z) + self.t(t[..., None, None] / 1000) + self.cond(cond).unsqueeze(1)
        return torch.as_tensor(self.out(torch.tanh(hidden)))


class Other(Small):
    """The same weights, another network."""

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return torch.as_tensor(super().forward(z, t, 2 * cond))


@dataclass(frozen=True)
class Options:
    width: int = 16


NAME = "test_given_head.Small"


@pytest.fixture(scope="module")
def config(tiny_settings: list[str]) -> Config:
    return load_config(None, [one for one in tiny_settings if "head_options" not in one])


@pytest.fixture(scope="module")
def given_model(tiny_frame: pd.DataFrame, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose head is :class:`Small`, with its network in use."""
    out = tmp_path_factory.mktemp("given") / "model"
    pipeline = train(tiny_frame, config, out, head=Small)
    fill_zeros(pipeline.network)
    put_to_use(pipeline)
    pipeline.save_pretrained(out)
    return out


def samples(model: Path, frame: pd.DataFrame, head: Any) -> np.ndarray[Any, Any]:
    return SSSDPipeline.from_pretrained(model, head=head)(frame, num_samples=8, generator=0).samples


def test_a_folder_names_its_head_and_is_opened_with_it(given_model: Path, tiny_frame: pd.DataFrame) -> None:
    stored = json.loads((given_model / "config.json").read_text())
    assert stored["record"]["config"]["model"]["head"] == f"python:{NAME}"
    made = samples(given_model, tiny_frame, Small)
    assert np.array_equal(made, samples(given_model, tiny_frame, Small))
    assert np.array_equal(made, samples(given_model, tiny_frame, functools.partial(Small)))
    assert open_forecaster(given_model, head=Small).spec.targets == ("close",)


def test_it_is_refused_elsewhere_with_a_remedy(given_model: Path) -> None:
    with pytest.raises(SSSDError, match=r"which was given from Python") as caught:
        SSSDPipeline.from_pretrained(given_model)
    assert NAME in str(caught.value)
    assert f"SSSDPipeline.from_pretrained('{given_model}', head=Small)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_head_of_the_same_weights_is_refused(given_model: Path) -> None:
    with pytest.raises(SSSDError, match="computes other numbers"):
        SSSDPipeline.from_pretrained(given_model, head=Other)
    with pytest.raises(SSSDError, match=r"does not fit its config\.json"):
        SSSDPipeline.from_pretrained(given_model, head=lambda d, c, _: Small(d, c, Options(width=8)))


def test_a_plugin_may_come_to_offer_it(
    given_model: Path, tiny_frame: pd.DataFrame, tiny_csv: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy for the command line: opened with the plugin's name, the model is saved under it."""
    from sssd_registry.plugin_api import registry as known
    from sssd_registry.plugin_api.discovery import Entry

    entry = Entry("head", "small", "tests", "small", "tests", "1", spec=HeadSpec("small", "tests", Small))
    monkeypatch.setattr(known, "registry", None)
    found = known.Registry((entry,))
    for module in ("make_network", "given_head"):
        monkeypatch.setattr(sys.modules[f"sssd_registry.plugin_api.{module}"], "registry", lambda: found)
    SSSDPipeline.from_pretrained(given_model, head="small").save_pretrained(out)
    assert json.loads((out / "config.json").read_text())["record"]["config"]["model"]["head"] == "small"
    assert np.array_equal(samples(out, tiny_frame, None), samples(given_model, tiny_frame, Small))


def test_nothing_is_imported_by_the_name_in_a_folder(
    given_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_head.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    model = tmp_path / "model"
    shutil.copytree(given_model, model)
    text = (model / "config.json").read_text()
    (model / "config.json").write_text(text.replace(NAME, "evil_head.make"))
    with pytest.raises(SSSDError, match=r"needs the head evil_head\.make"):
        sign_model(model)
    assert "evil_head" not in sys.modules


def test_options_and_tokens_come_with_a_specification(tiny_frame: pd.DataFrame, config: Config, out: Path) -> None:
    spec = HeadSpec("small", "tests", Small, Options, tokens=True)
    wide = config.model_copy(update={"model": config.model.model_copy(update={"head_options": {"width": 8}})})
    made = train(tiny_frame, wide, out, head=spec)
    assert made.network.tokens
    assert made.network.head.z.out_features == 8
    assert SSSDPipeline.from_pretrained(out, head=spec).network.head.z.out_features == 8
    with pytest.raises(SSSDError, match="has no option 'width'"):
        train(tiny_frame, wide, out, head=Small)


def _fails(*_: Any) -> nn.Module:
    raise KeyError("depth")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (3, r"head= takes a factory \(latent_size, cond_size, options\)"),
        (_fails, r"head 'python:test_given_head\._fails' cannot be made: KeyError: 'depth'"),
        (lambda *_: "no module", "makes str, which is no torch.nn.Module"),
        (HeadSpec("a b", "", Small), "named by text without spaces"),
        ("no-such-head", "no head named 'no-such-head'"),
    ],
)
def test_what_is_no_head_is_refused(tiny_frame: pd.DataFrame, config: Config, out: Path, head: Any, said: str) -> None:
    with pytest.raises(SSSDError, match=said):
        train(tiny_frame, config, out, head=head)
    assert not out.exists()


class Keeps(Small):
    """Also a tensor that a model folder does not keep."""

    def __init__(self, latent_size: int, cond_size: int, kept: Tensor) -> None:
        super().__init__(latent_size, cond_size, None)
        self.register_buffer("kept", kept)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (torch.arange(4), "keeps 'kept' as int64, .* persistent=False"),
        (torch.ones(2) + 1j, "as complex64, .*view_as_real"),
    ],
)
def test_what_a_model_cannot_keep_is_refused_before_training(
    tiny_frame: pd.DataFrame, config: Config, out: Path, kept: Tensor, said: str
) -> None:
    with pytest.raises(SSSDError, match=said):
        train(tiny_frame, config, out, head=lambda d, c, o: Keeps(d, c, kept))


class Tied(Small):
    """Two of its layers are one."""

    def __init__(self, latent_size: int, cond_size: int, options: Any) -> None:
        super().__init__(latent_size, cond_size, options)
        self.again = self.out

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return super().forward(z, t, cond) + 0.1 * self.again.weight.sum()


def test_tied_weights_are_saved(tiny_frame: pd.DataFrame, config: Config, out: Path) -> None:
    train(tiny_frame, config, out, head=Tied)
    assert np.isfinite(samples(out, tiny_frame, Tied)).all()


def test_training_goes_on_to_the_same_bits(tiny_frame: pd.DataFrame, config: Config, tmp_path: Path) -> None:
    def stop(progress: Any, _loss: float) -> None:
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    whole = train(tiny_frame, config, tmp_path / "whole", head=Small)
    with pytest.raises(TrainingInterrupted):
        train(tiny_frame, config, tmp_path / "parts", head=Small, report=stop)
    with pytest.raises(SSSDError, match="another configuration"):
        train(tiny_frame, config, tmp_path / "parts", head=Other, resume=True)
    resumed = train(tiny_frame, config, tmp_path / "parts", head=Small, resume=True)
    for one, other in zip(whole.network.state_dict().values(), resumed.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_run_starts_from_it(given_model: Path, tiny_frame: pd.DataFrame, config: Config, out: Path) -> None:
    with pytest.raises(SSSDError, match=rf"start from it with train\(…, head={NAME}\)"):
        train(tiny_frame, config, out, init=given_model)
    train(tiny_frame, config, out, init=given_model, head=Small)


def test_verbs_take_it(given_model: Path, tiny_frame: pd.DataFrame, config: Config, tmp_path: Path) -> None:
    assert compare(given_model, tiny_frame, ["ddim"], [2], head=Small).rows
    student = distill(given_model, tiny_frame, tmp_path / "student", head=Small, max_steps=2)
    assert student.distilled is not None
    assert SSSDPipeline.from_pretrained(tmp_path / "student", head=Small).distilled == student.distilled
    settings = ["training.max_steps=4", 'data.timeframes={"1h" = 24}', "data.horizons=[1]"]
    assert len(SSSDForecaster(head=Small, settings=settings).fit(tiny_frame).predict()) == 1
    asked: dict[str, Any] = {"folds": 2, "refit": True, "num_samples": 8, "format": "csv"}
    assert backtest(tiny_frame, config, head=Small, out=tmp_path / "backtest", **asked).folds
    with pytest.raises(SSSDError, match=r"cannot be sent to other processes: .* take jobs=1"):
        backtest(tiny_frame, config, head=lambda d, c, o: Small(d, c, o), jobs=2, **asked)


COMMANDS: dict[str, Callable[[Path, Path, Path], list[object]]] = {
    "forecast": lambda model, data, out: ["forecast", model, data],
    "forecast many": lambda model, data, out: ["forecast", model, f"{data.parent}/*.csv", "--out", out],
    "evaluate": lambda model, data, out: ["evaluate", model, data],
    "compare": lambda model, data, out: ["compare", model, data],
    "tune": lambda model, data, out: ["tune", model, data],
    "distill": lambda model, data, out: ["distill", model, data, "--out", out],
    "impute": lambda model, data, out: ["impute", model, data, "--out", out.with_suffix(".csv")],
    "report": lambda model, data, out: ["report", model, data, "--out", out.with_suffix(".html")],
    "train": lambda model, data, out: ["train", data, "--init", model, "--out", out],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_it_in_one_line(command: str, given_model: Path, tiny_csv: Path, out: Path) -> None:
    said = error_line(sssd(*COMMANDS[command](given_model, tiny_csv, out)))
    assert NAME in said
    assert "head=" in said
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize("command", [["build"], ["auto", "DATA"], ["refit", "ENGINE"]])
def test_an_export_refuses_it_in_one_line(
    command: list[str], given_model: Path, tiny_engine: Path, tiny_csv: Path, out: Path
) -> None:
    rest = {"DATA": tiny_csv, "ENGINE": tiny_engine}
    named = [] if command[0] == "refit" else ["--out", out]
    said = error_line(sssd_export(command[0], given_model, *(rest[one] for one in command[1:]), *named))
    assert NAME in said
    assert not list(out.parent.iterdir())


def test_check_says_that_its_files_are_as_saved(given_model: Path) -> None:
    outcome = sssd("check", given_model)
    assert outcome.code == 2
    assert outcome.out.count("as saved") == len(outcome.out.splitlines())
    assert NAME in outcome.err
