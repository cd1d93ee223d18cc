"""Limits of a model folder: sizes, numbers and weights are looked at before anything is made of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from sssd_registry.config import load_config
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.files.json_file import read_json
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.storage.index import MARKER, write_index
from sssd_registry.storage.memory import check_memory, network_shapes
from sssd_registry.training.train import train


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def signed(folder: Path) -> Path:
    """With the hashes of the files as they are."""
    write_index(folder, json.loads((folder / MARKER).read_text()))
    return folder


def change(folder: Path, path: str, value: Any) -> None:
    file = folder / "config.json"
    tree = json.loads(file.read_text())
    *above, last = path.split(".")
    holder = tree
    for key in above:
        holder = holder[int(key)] if isinstance(holder, list) else holder[key]
    holder[last] = value
    file.write_text(json.dumps(tree))
    signed(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("record.config.model.feature_size", 10**7),
        ("record.config.model.feature_size", 60_000),
        ("record.config.model.num_layers", 1000),
        ("record.config.model.num_train_timesteps", 10**9),
        ("record.config.model.token_size", 10**9),
        ("record.config.model.state_size", "32"),
        ("record.config.model.head_options", {"hidden_sizes": [10**6, 10**6]}),
        ("record.config.model.head_options", {"hidden_sizes": [-1]}),
        ("record.config.model.head_options", {"hidden_sizes": []}),
        ("record.config.model.head_options", {"hidden_sizes": [0]}),
        ("record.config.model.head_options", {"time_size": 2**62}),
        ("spec.horizons", [1, 10**9]),
        ("spec.horizons", [4, 1]),
        ("spec.horizons", []),
        ("spec.timeframes", [{"name": "1h", "seconds": 3600, "lookback": 10**12}]),
        ("spec.bar_seconds", 0),
        ("spec.source_seconds", 10**15),
        ("spec.periods", [0]),
        ("spec.roles", ["open", "high", "low", "value", "volume"]),
        ("spec.columns", ["close"] * 5),
        ("record.best_step", 13),
        ("record.validation_crps", None),
        ("record.random_walk_window", -1),
        ("format", "2"),
        ("format", 99),
    ],
)
def test_a_size_out_of_bounds_is_refused_before_it_is_allocated(model: Path, path: str, value: Any) -> None:
    change(model, path, value)
    with pytest.raises(SSSDError, match=r"config.json|head 'mlp'"):
        SSSDPipeline.from_pretrained(model)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"a": 1e999}', "not a finite number"),
        ('{"a": NaN}', "not a finite number"),
        ('{"a": ' + "9" * 5000 + "}", "too large a number"),
        ('{"a": "\\ud800"}', "surrogates"),
        ('{"a": "\\u0000"}', "control characters"),
        ("[1]", "an object in braces"),
        ("[" * 100_000, "nested without end"),
        ("", "Expecting value"),
    ],
)
def test_json_is_understood_or_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(SSSDError, match=reason) as caught:
        read_json(file, "mend it")
    assert str(caught.value).startswith(f"{file} is ")
    assert str(caught.value).endswith(": mend it")


def weights_changed(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    signed(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: w["head.out.weight"].fill_(float("nan")), "tensor head.out.weight holds NaN in 64 of 64 places"),
        (lambda w: w["encoder.context.bias"][:1].fill_(float("inf")), "encoder.context.bias holds infinity in 1 of 8"),
        (lambda w: [tensor.zero_() for tensor in w.values()], "every parameter is zero"),
        (lambda w: w.pop("head.out.bias"), "lacks head.out.bias"),
        (lambda w: w.update(x=torch.zeros(1)), "x belongs to no part of it"),
        (lambda w: w.update({"head.out.bias": torch.zeros(2)}), r"head.out.bias has shape \(2,\), and \(4,\) is"),
        (lambda w: w.update({"head.out.bias": torch.zeros(1, dtype=torch.int64)}), "head.out.bias is of type I64"),
    ],
)
def test_weights_that_are_none_are_named(
    model: Path, change: Callable[[dict[str, torch.Tensor]], Any], reason: str
) -> None:
    weights_changed(model, change)
    with pytest.raises(SSSDError, match=reason):
        SSSDPipeline.from_pretrained(model)


def test_a_last_layer_of_zeros_is_a_model(model: Path, tiny_frame: pd.DataFrame) -> None:
    weights_changed(model, lambda w: [w[name].zero_() for name in ("head.out.weight", "head.out.bias")])
    assert np.isfinite(SSSDPipeline.from_pretrained(model)(tiny_frame, num_samples=2).samples).all()


def test_weights_that_are_not_finite_are_not_saved(tiny_model: Path, tmp_path: Path) -> None:
    pipeline = SSSDPipeline.from_pretrained(tiny_model)
    next(pipeline.head.parameters()).data.fill_(float("nan"))
    with pytest.raises(SSSDError, match=r"the network to be saved: tensor head\..* holds NaN"):
        pipeline.save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("head", ["mlp", "adaln", "attend", "dit", "film-unet", "unet1d", "unet1d-attn", "unet2d"])
@pytest.mark.parametrize("components", [8, 3])
def test_shapes_are_known_without_building(tiny_model: Path, head: str, components: int) -> None:
    network = SSSDPipeline.from_pretrained(tiny_model).network
    config = network.config.model_copy(update={"head": head, "head_options": {}, "components": components})
    state = torch.random.get_rng_state()
    found = network_shapes(network.spec, config, 1 << 30)
    assert torch.equal(state, torch.random.get_rng_state()), "nothing is drawn"
    built = make_network(network.spec, config).state_dict()
    assert found == {name: tuple(tensor.shape) for name, tensor in built.items()}


def spec_of(model: Path) -> DataSpec:
    return SSSDPipeline.from_pretrained(model).spec


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("model.feature_size=65536", "model.feature_size, model.state_size, model.num_layers or model.past_tokens"),
        (
            "model.head_options={hidden_sizes = [20000, 20000]}",
            "model.head_options, model.components or model.target_components",
        ),
        ("training.batch_size=1000000", "training.batch_size"),
        ("training.noise_draws=1000000", "training.batch_size or training.noise_draws"),
    ],
)
def test_training_names_the_size_that_does_not_fit(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, setting: str, named: str
) -> None:
    monkeypatch.setattr("sssd_registry.storage.memory._memory", lambda: 100 << 20)
    with pytest.raises(SSSDError, match=rf"of this machine: make {named} smaller|has 0 GiB: make {named} smaller"):
        check_memory(spec_of(tiny_model), load_config(None, [setting]))


def test_the_default_network_fits_any_machine(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sssd_registry.storage.memory._memory", lambda: 100 << 20)
    check_memory(spec_of(tiny_model), load_config(None, []))


@pytest.mark.parametrize(
    "setting",
    [
        "model.feature_size=10000000",
        "model.num_train_timesteps=1000000000",
        "training.learning_rate=inf",
        "training.seed=99999999999999999999",
        "data.horizons=[1, 1000000000]",
        'data.timeframes={"1h" = 1000000000}',
    ],
)
def test_a_configuration_is_bounded(
    tiny_frame: pd.DataFrame, tiny_settings: list[str], tmp_path: Path, setting: str
) -> None:
    with pytest.raises(SSSDError, match=setting.partition("=")[0].rpartition(".")[2].rstrip("s")):
        train(tiny_frame, load_config(None, [*tiny_settings, setting]), tmp_path / "out")
