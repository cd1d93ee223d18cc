"""Size of a network, found before memory is allocated: on torch's meta device, which has shapes and no numbers."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sssd_registry.config import Config, ModelConfig
from sssd_registry.data.spec import DataSpec
from sssd_registry.errors import SSSDError
from sssd_registry.plugin_api.hookspecs import HeadSpec
from sssd_registry.plugin_api.make_network import make_network

# A network that takes more operations to put together takes a minute or more of it.
_MAX_TENSORS = 200_000
# How often a tensor is made and filled until it is what it starts as, and what else there is beside the tensors kept.
_FILLS = 16
# Weights, gradients, two moments of AdamW and the moving average.
_TRAINING_COPIES = 5
_FIELDS = {
    "normalizer": "data.columns, data.targets or data.horizons",
    "encoder": "model.feature_size, model.state_size, model.num_layers or model.past_tokens",
    "correlation": "data.targets or data.horizons",
    "token_embedding": "model.token_size",
    "head": "model.head_options, model.components or model.target_components",
}


class TooLarge(BaseException):
    """A network is larger than it may be.

    No Exception: it ends the making of a head, and whatever the head or its maker catches on the way is not it.
    """


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Ends what is put together in it once it has made far more tensors, or bytes of them, than it may.

    Every operation counts, so that a loop without end ends here. Filling a parameter counts as making another.
    """

    def __init__(self, max_bytes: int, max_tensors: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.max_bytes, self.max_tensors = max_bytes, max_tensors
        self.bytes = self.tensors = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.tensors += 1
            self.bytes += made.nbytes
            if made.nbytes > self.max_bytes or self.bytes > _FILLS * self.max_bytes or self.tensors > self.max_tensors:
                raise TooLarge(f"tensor of shape {tuple(made.shape)}")
        return made


def network_shapes(
    spec: DataSpec,
    config: ModelConfig,
    max_bytes: int,
    max_tensors: int = _MAX_TENSORS,
    head: HeadSpec | None = None,
) -> dict[str, tuple[int, ...]] | None:
    """Shapes of what a network of these sizes saves, by name; ``None`` for a head that cannot be built that way.

    Args:
        spec: what it is built for.
        config: its sizes.
        max_bytes: of its largest tensor; of all of them about.
        max_tensors: made and filled on the way to it, dozens for each that is kept.
        head: in place of the plugin's that ``config`` names.

    Raises:
        TooLarge: it has more than that; found out while it is put together, so that an endless one ends.
        SSSDError: as :class:`SSSDNetwork`.
    """
    try:
        with _Counted(max_bytes, max_tensors), torch.device("meta"):
            network = make_network(spec, config, head)
    except (SSSDError, NotImplementedError, RuntimeError) as error:
        if "meta" in str(error):  # somebody's head looks at its numbers while it is built
            return None
        raise
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def check_memory(spec: DataSpec, config: Config, head: HeadSpec | None = None) -> None:
    """Refuse to train what cannot fit this machine, before it is allocated. What is estimated is the least it takes.

    Raises:
        SSSDError: names the sizes at fault.
    """
    memory = _memory()
    if memory is None:
        return
    copies = 1 if torch.cuda.is_available() else _TRAINING_COPIES
    try:
        shapes = network_shapes(spec, config.model, memory // copies, head=head)
    except TooLarge as error:
        raise SSSDError(_too_large(spec, config, memory, f"one {error}", head)) from None
    size = 4 * sum(math.prod(shape) for shape in (shapes or {}).values())
    if size > memory // copies:
        raise SSSDError(_too_large(spec, config, memory, f"{size / 2**30:.0f} GiB of weights", head))
    training = config.training
    windows = training.batch_size * sum(timeframe.lookback for timeframe in spec.timeframes)
    draws = training.batch_size * training.noise_draws
    latents = min(config.model.components, max(spec.horizons)) * min(config.model.target_components, len(spec.targets))
    for name, count, width in (
        ("training.batch_size", windows, len(spec.columns) * 8 + config.model.feature_size * 4),
        ("training.batch_size or training.noise_draws", draws, 4 * latents),
    ):
        if count * width > memory:
            raise SSSDError(
                f"a batch takes {count * width / 2**30:.0f} GiB or more, and this machine has"
                f" {memory / 2**30:.0f} GiB: make {name} smaller"
            )


def _too_large(spec: DataSpec, config: Config, memory: int, what: str, head: HeadSpec | None) -> str:
    """The message; it names the settings of the part with the most numbers."""
    try:
        shapes = network_shapes(spec, config.model, 2**56, head=head) or {}
    except TooLarge:
        return f"a network of so many parts takes too long to build: make {_FIELDS['encoder']} smaller, or the head"
    sizes = {part: sum(math.prod(s) for name, s in shapes.items() if name.startswith(part)) for part in _FIELDS}
    fields = _FIELDS[max(sizes, key=lambda part: sizes[part])]
    return f"the network has {what}, too much for the {memory / 2**30:.0f} GiB of this machine: make {fields} smaller"


def _memory() -> int | None:
    """Bytes of this machine, or of the container that it is; ``None`` where the system does not tell."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found = min(found, int(Path(file).read_text()))
        except (OSError, ValueError):  # no such file, or the word max
            continue
    return found
