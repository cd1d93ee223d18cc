"""Starting from another model: what fits is copied, whatever the data; what cannot fit is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from sssd_registry.config import load_config
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import training_data
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.plugin_api.make_network import make_network
from sssd_registry.training.train import train
from sssd_registry.training.transfer import start_from


def network_for(frame: pd.DataFrame, settings: list[str]) -> SSSDNetwork:
    config = load_config(None, settings)
    return make_network(training_data(frame, config.data).spec, config.model)


def test_the_same_configuration_is_copied_whole(
    tiny_model: Path, tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    network = network_for(tiny_frame, tiny_settings)
    start_from(network, tiny_model)
    theirs = SSSDPipeline.from_pretrained(tiny_model).network
    for part in ("encoder", "head"):
        for name, value in getattr(theirs, part).state_dict().items():
            assert torch.equal(value, getattr(network, part).state_dict()[name]), f"{part}.{name}"


def test_other_channels_and_horizons_keep_what_does_not_depend_on_them(
    tiny_model: Path, tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    frame = pd.DataFrame({"time": tiny_frame["time"], "a": tiny_frame["close"], "b": tiny_frame["open"]})
    more = ["data.targets=all", "data.horizons=[2, 3, 9]", 'data.timeframes={"1h" = 40, "2h" = 9}']
    network = network_for(frame, [*tiny_settings, *more])
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    start_from(network, tiny_model)
    theirs = SSSDPipeline.from_pretrained(tiny_model).network
    for ours, stack in zip(network.encoder.stacks, theirs.encoder.stacks, strict=True):
        for name, value in stack.blocks.state_dict().items():
            assert torch.equal(value, ours.blocks.state_dict()[name]), name
    assert torch.equal(network.encoder.context.weight, theirs.encoder.context.weight)
    # Two columns instead of five, two targets instead of one.
    for name in ("encoder.stacks.0.project.weight", "head.from_z.weight"):
        assert torch.equal(network.state_dict()[name], fresh[name]), name


def test_more_timeframes_than_the_model_has(
    tiny_model: Path, tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    frames = 'data.timeframes={"1h" = 24, "2h" = 12, "4h" = 6}'
    network = network_for(tiny_frame, [*tiny_settings, frames])
    start_from(network, tiny_model)
    theirs = SSSDPipeline.from_pretrained(tiny_model).network
    assert torch.equal(network.encoder.stacks[1].project.weight, theirs.encoder.stacks[1].project.weight)
    assert torch.equal(network.encoder.attention.qkv.weight, theirs.encoder.attention.qkv.weight)


def test_other_sizes_are_refused_with_what_to_set(
    tiny_model: Path, tiny_frame: pd.DataFrame, tiny_settings: list[str]
) -> None:
    network = network_for(tiny_frame, [*tiny_settings, "model.feature_size=12"])
    with pytest.raises(SSSDError, match=r"--set model\.feature_size=8"):
        start_from(network, tiny_model)


def test_training_starts_there_and_ends_as_a_model(
    tiny_model: Path, tiny_csv: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    """One step at a learning rate of nothing: the result is the model it started from."""
    settings = [*tiny_settings, "training.max_steps=1", "training.learning_rate=1e-12", "training.seed=5"]
    made = train(tiny_csv, load_config(None, settings), tmp_path / "out", init=tiny_model)
    theirs = SSSDPipeline.from_pretrained(tiny_model).network
    torch.testing.assert_close(made.network.head.state_dict(), theirs.head.state_dict(), atol=1e-6, rtol=1e-6)


def test_no_such_model(tiny_csv: Path, tiny_settings: list[str], tmp_path: Path) -> None:
    with pytest.raises(SSSDError, match="not a model folder"):
        train(tiny_csv, load_config(None, tiny_settings), tmp_path / "out", init=tmp_path / "none")
    assert not (tmp_path / "out").exists()
