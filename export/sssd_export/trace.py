"""The three pieces of a forecast, each traced once by torch's exporter: condition, one head call, outputs."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from onnx_ir.passes.common import DeduplicateInitializersPass
from torch import Tensor, nn

from sssd_export.s4_forms import without_fft
from sssd_registry.data.spec import DataSpec
from sssd_registry.data.windows import Windows
from sssd_registry.errors import SSSDError
from sssd_registry.model.network import SSSDNetwork
from sssd_registry.training.dataset import to_tensors

OPSET = 20
WINDOWS, SAMPLES = "windows", "samples"
UNITS = ("location", "scale")
# Elements of the largest constant that is looked for twice; more than any Fourier matrix has.
_SHARED = 1 << 30


@dataclass(frozen=True)
class Pieces:
    """ONNX models of the pieces.

    Attributes:
        condition: ``values_*, times_* -> condition (B, K, C), location, scale``, those two float64.
        head: ``z (B, S, K, D), t, condition -> output (B, S, K, D)``.
        outputs: ``latents (B, S, K, D), location, scale -> samples, quantiles``.
        broadcast_time: the head was traced with ``t`` of shape ``(1, 1)``, else with ``(B, S)``.
    """

    condition: ir.Model
    head: ir.Model
    outputs: ir.Model
    broadcast_time: bool


def trace(network: SSSDNetwork, horizons: Sequence[int], levels: Sequence[float], examples: Windows) -> Pieces:
    """Trace ``network`` (CPU, evaluation mode) for fixed horizons; windows and samples stay dynamic."""
    frozen = without_fft(network)
    spec = network.spec
    values, times = to_tensors(examples.part(0, 2), torch.device("cpu"))
    bars = torch.tensor(horizons, dtype=torch.float32)
    names = [tf.name for tf in spec.timeframes]
    raw = [tuple(values[name] for name in names), tuple(times[name] for name in names)]
    condition = ConditionPiece(frozen, bars)
    with torch.no_grad():
        example, location, scale = condition(*raw)  # (2, K, C)
    every = ({0: WINDOWS},) * len(names)
    z = torch.randn(2, 3, len(bars), network.latent_size, generator=torch.Generator().manual_seed(0))
    head, broadcast_time = trace_head(frozen.head, z, example)
    outputs = OutputPiece(frozen, levels)
    encoder = _export("encoder", condition, raw, input_names(spec), ["condition", *UNITS], [every, every])
    # The layers of one timeframe share their Fourier matrices, which the exporter writes out for each.
    DeduplicateInitializersPass(size_limit=_SHARED)(encoder)
    return Pieces(
        encoder,
        head,
        _export(
            "output", outputs, [z, location, scale], ["latents", *UNITS], ["samples", "quantiles"],
            [{0: WINDOWS, 1: SAMPLES}, {0: WINDOWS}, {0: WINDOWS}],
        ),
        broadcast_time,
    )  # fmt: skip


def trace_head(head: nn.Module, z: Tensor, condition: Tensor) -> tuple[ir.Model, bool]:
    """Trace one head call on ``z (B, S, K, D)`` and ``condition (B, K, C)``, with B and S dynamic.

    Returns:
        the model, and whether it takes ``t`` as one number, ``(1, 1)``, or for each sample, ``(B, S)``.

    Raises:
        SSSDError: torch's exporter refuses it.
    """
    t = _time_input(head, z, condition)
    single = t.numel() == 1
    shapes = [{0: WINDOWS, 1: SAMPLES}, {} if single else {0: WINDOWS, 1: SAMPLES}, {0: WINDOWS}]
    return _export("noise head", head, [z, t, condition], ["z", "t", "condition"], ["output"], shapes), single


def input_names(spec: DataSpec) -> list[str]:
    """The engine's raw inputs: values of every timeframe, then times."""
    names = [tf.name for tf in spec.timeframes]
    return [f"values_{name}" for name in names] + [f"times_{name}" for name in names]


class ConditionPiece(nn.Module):
    """Raw windows to the head's condition and to location and scale ``(B, K, C)``, for fixed horizons."""

    def __init__(self, network: SSSDNetwork, horizons: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("horizons", horizons)

    def forward(self, values: tuple[Tensor, ...], times: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        names = [tf.name for tf in self.network.spec.timeframes]
        raw = dict(zip(names, values, strict=True)), dict(zip(names, times, strict=True))
        horizons = self.get_buffer("horizons")
        condition = self.network.condition(self.network.encode(*raw), horizons)
        return condition, *self.network.normalizer.location_scale(*raw, horizons)


class OutputPiece(nn.Module):
    """Latents to samples and quantiles, float64 in data units, for fixed quantile levels."""

    def __init__(self, network: SSSDNetwork, levels: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64))

    def forward(self, latents: Tensor, location: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        samples = self.network.decode(latents, location, scale)  # (B, S, K, C)
        return samples, sample_quantiles(samples, self.get_buffer("levels"))


def sample_quantiles(samples: Tensor, levels: Tensor) -> Tensor:
    """``(B, S, K, C)`` to ``(B, Q, K, C)``: linear interpolation, numpy's default definition.

    Written out because ``torch.quantile`` does not export with a dynamic number of samples.
    """
    ordered = torch.sort(samples, dim=1).values
    last = samples.shape[1] - 1
    position = levels * last  # (Q,)
    below = position.floor().long()
    above = (below + 1).clamp(max=last)
    share = (position - below)[None, :, None, None]
    return ordered.index_select(1, below) * (1 - share) + ordered.index_select(1, above) * share


def _time_input(head: nn.Module, z: Tensor, condition: Tensor) -> Tensor:
    """``t`` as one number where the head broadcasts it, else one for each sample.

    One number makes everything that a head computes from ``t`` alone a constant of the step.
    """
    full, single = torch.full(z.shape[:2], 7.0), torch.full((1, 1), 7.0)
    with torch.no_grad():
        expected = head(z, full, condition)
        # Whatever a head raises when it cannot broadcast: its author was not asked to.
        with contextlib.suppress(Exception):
            seen = head(z, single, condition)
            if seen.shape == expected.shape and torch.allclose(seen, expected, rtol=1e-5, atol=1e-6):
                return single
    return full


def _export(
    what: str, module: nn.Module, inputs: list[Any], names: list[str], outputs: list[str], dynamic: list[Any]
) -> ir.Model:
    with _quiet():
        try:
            program = torch.onnx.export(
                module.eval(), tuple(inputs), dynamo=True, opset_version=OPSET, verbose=False,
                input_names=names, output_names=outputs, dynamic_shapes=tuple(dynamic),
            )  # fmt: skip
        except torch.onnx.OnnxExporterError as error:
            raise SSSDError(f"the {what} cannot be exported: {_reason(error)}") from error
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    return program.model


def _reason(error: BaseException) -> str:
    """The first line of what went wrong at first; torch wraps it several times, in advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch's exporter warns of torchvision's absence and of its own deprecations; neither is ours to mend."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
