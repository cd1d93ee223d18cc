"""A package of torch's AOTInductor. Runtime half: numpy and torch.

A package is a library of machine code, which runs with all rights of the process that opens it: no hash makes code of
somebody else's harmless. So it is opened for those alone who say that they trust it (``load_engine(…,
trust_native_code=True)``), and nothing else in an engine folder is ever run.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sssd_engine.manifest import EngineError
from sssd_engine.part import Array, Part, Values

# A compiled program takes two samples or more: it was traced so that broadcasting an axis of one is none of its cases.
_LEAST_SAMPLES = 2
_SAMPLED = {"noise": 1, "draws": 2}


class TorchAotPart:
    """A loaded package; one call at a time on a GPU, where calls of one model share a stream.

    Args:
        package: what torch has loaded.
        inputs: names of what it takes, in order.
        outputs: names of what it makes, in order.
        device: cpu or cuda.
    """

    def __init__(self, package: Any, inputs: Sequence[str], outputs: Sequence[str], device: str) -> None:
        self.package, self.device = package, torch.device(device)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.lock = threading.Lock()

    def __call__(self, feed: Values) -> dict[str, Array]:
        samples = feed["noise"].shape[1]
        given = [self._tensor(name, feed[name], samples) for name in self.inputs]
        try:
            with self.lock, torch.inference_mode():
                made = self.package(*given)
        except RuntimeError as error:
            raise EngineError(f"torch cannot run this engine: {' '.join(str(error).split())[:300]}") from error
        tensors = made if isinstance(made, list | tuple) else [made]
        arrays = (tensor.cpu().numpy()[:, :samples] for tensor in tensors)
        return dict(zip(self.outputs, arrays, strict=True))

    def _tensor(self, name: str, array: Array, samples: int) -> Any:
        if name in _SAMPLED and samples < _LEAST_SAMPLES:
            array = np.repeat(array, _LEAST_SAMPLES, axis=_SAMPLED[name])
        return torch.from_numpy(np.require(array, requirements=("C", "W"))).to(self.device)


def processor() -> str:
    """Name the kind of processor that torch compiles for here: its architecture and its vector instructions."""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def open_torch_aot(file: Path, entry: Mapping[str, Any]) -> Part:
    """Load a package, of machine code that the caller trusts.

    Raises:
        EngineError: it is for a GPU, and there is none, or for another version of torch or
            another kind of processor.
    """
    made_with, device = entry["package"]["torch"], entry["package"]["device"]
    if made_with != torch.__version__:
        raise EngineError(f"{file} was compiled by torch {made_with}, and this is {torch.__version__}: export anew")
    if entry["package"]["processor"] != processor():  # an instruction that is not there ends the process
        raise EngineError(f"{file} was compiled for {entry['package']['processor']}, and this is {processor()}")
    if device == "cuda" and not torch.cuda.is_available():
        raise EngineError(f"{file} is for an NVIDIA GPU, and torch finds none")
    package = torch._inductor.aoti_load_package(str(file))
    inputs, outputs = ([port["name"] for port in entry[side]] for side in ("inputs", "outputs"))
    return TorchAotPart(package, entry["package"]["order"] or inputs, outputs, device)
