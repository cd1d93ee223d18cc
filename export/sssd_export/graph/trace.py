"""The stages of a forecast, each traced once by torch's exporter; of the third, one call of the head."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from torch import Tensor, nn

from sssd_export.graph.keep_constants import optimise
from sssd_export.graph.lean_export import lean_export
from sssd_export.graph.real_numbers import with_real_numbers
from sssd_export.graph.s4_forms import is_transform, without_fft
from sssd_export.graph.stages import UNITS, Decode, Encode, Normalise, feature_names, raw_names, value_names
from sssd_export.graph.translations import TRANSLATIONS
from sssd_export.graph.widen_norms import widen_norms
from sssd_registry.data.windows import KNOWN, Windows
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import raw_tensors
from sssd_registry.model.network import SSSDNetwork

OPSET = 20
WINDOWS, SAMPLES = "windows", "samples"


@dataclass(frozen=True)
class TracedHead:
    """One call of the head, and what of a path's noise it begins with.

    Attributes:
        encode: ONNX model of the stage that makes its condition.
        model: ``z (B, S, K, D), t, condition -> output (B, S, K, D)``, what the stage ``denoise`` calls.
        broadcast_time: it was traced with ``t`` of shape ``(1, 1)``, else with ``(B, S)``.
        leading: rows and columns of paths' noise that are a path's latents.
    """

    encode: ir.Model
    model: ir.Model
    broadcast_time: bool
    leading: tuple[int, int]

    @property
    def latent(self) -> tuple[int, int]:
        """``(K, D)``."""
        tokens, size = (self.model.graph.inputs[0].shape or ir.Shape([1, 1])).dims[-2:]
        assert isinstance(tokens, int)
        assert isinstance(size, int)
        return tokens, size


@dataclass(frozen=True)
class TracedParts:
    """ONNX models of the stages; what each takes and gives is in :mod:`sssd_export.graph.stages`.

    Attributes:
        normalise, decode: the first stage and the last.
        head: what is between them, or nothing where the network is not in use.
        paths: shape of one path's noise, ``(P, C)``.
    """

    normalise: ir.Model
    decode: ir.Model
    head: TracedHead | None
    paths: tuple[int, int]


def trace(
    network: SSSDNetwork, horizons: Sequence[int], levels: Sequence[float], examples: Windows, dense: bool = False
) -> TracedParts:
    """Trace ``network`` (CPU, evaluation mode) for fixed horizons; windows and samples stay dynamic.

    Args:
        network: what to trace.
        horizons: in bars.
        levels: of the quantiles.
        examples: two windows or more.
        dense: S4 with dense Fourier matrices throughout (:mod:`sssd_export.graph.s4_forms`).
    """
    frozen = without_fft(network, dense)
    frozen.in_use = network.in_use
    spec = network.spec
    values, times = raw_tensors(examples.part(0, 2))
    if spec.known:
        values[KNOWN] = values[KNOWN][:, : max(horizons)]
    # Saved examples may have them in another order.
    raw = [tuple(values[name] for name in value_names(spec)), tuple(times[tf.name] for tf in spec.timeframes)]
    bars = torch.tensor(horizons, dtype=torch.float32)
    normalise, decode = Normalise(frozen, bars), Decode(frozen, bars, levels)
    with torch.no_grad():
        *features, location, scale = normalise(*raw)  # (2, L_tf, F) each, (2, K, C)
    each = tuple({0: WINDOWS} for _ in spec.timeframes)
    given = feature_names(spec) if network.in_use else []
    shape = network.correlation.noise_shape
    noise = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    sampled = {0: WINDOWS, 1: SAMPLES}
    inputs, taken = [noise, location, scale], ["noise", *UNITS]
    axes: list[Any] = [sampled, {0: WINDOWS}, {0: WINDOWS}]
    head = None
    if network.in_use:
        first = frozen.first_latents(noise).contiguous()
        head = _trace_head(frozen, features, first)
        inputs, taken, axes = [*inputs, first], [*taken, "latents"], [*axes, (sampled,)]
    normaliser = export_module(
        "normaliser", normalise, raw, raw_names(spec), [*given, *UNITS], [tuple({0: WINDOWS} for _ in raw[0]), each]
    )
    made = ["samples", "quantiles", *(["levels"] if network.target_values.changes_samples else [])]
    decoder = export_module("decoder", decode, inputs, taken, made, axes)
    return TracedParts(normaliser, decoder, head, shape)


def _trace_head(network: SSSDNetwork, features: list[Tensor], first: Tensor) -> TracedHead:
    """Trace encoder and head, on features of each timeframe and the latents that sampling begins with."""
    spec, encode = network.spec, Encode(network)
    with torch.no_grad():
        condition = encode(*features)  # (2, K, C)
    each = tuple({0: WINDOWS} for _ in spec.timeframes)
    model, broadcast_time = trace_head(network.head, first, condition)
    encoder = export_module("encoder", encode, features, feature_names(spec), ["condition"], [each])
    _share_matrices(encoder.graph)
    leading = network.correlation.num_components, network.correlation.num_mixtures
    return TracedHead(encoder, model, broadcast_time, leading)


def _share_matrices(graph: ir.Graph) -> None:
    """Keep one of each matrix that the S4 layers of a length have in common: the exporter writes them for every layer.

    Known by name, not by content: weights that happen to be equal are not the same in every model.
    """
    kept: dict[tuple[str, str], ir.Value] = {}
    for name, value in list(graph.initializers.items()):
        if is_transform(name):
            first = kept.setdefault((name.rpartition(".")[2], str(value.shape)), value)
            if first is not value:
                value.replace_all_uses_with(first)
                graph.initializers.pop(name)


def trace_head(head: nn.Module, z: Tensor, condition: Tensor) -> tuple[ir.Model, bool]:
    """Trace one head call on ``z (B, S, K, D)`` and ``condition (B, K, C)``, with B and S dynamic.

    Returns:
        the model, and whether it takes ``t`` as one number, ``(1, 1)``, or for each sample, ``(B, S)``.

    Raises:
        SSSDError: torch's exporter refuses it.
    """
    t = time_input(head, z, condition)
    single = t.numel() == 1
    shapes = [{0: WINDOWS, 1: SAMPLES}, {} if single else {0: WINDOWS, 1: SAMPLES}, {0: WINDOWS}]
    head = with_real_numbers(head, (z, t, condition), shapes)
    model = export_module("noise head", head, [z, t, condition], ["z", "t", "condition"], ["output"], shapes)
    widen_norms(model.graph)
    return model, single


def time_input(head: nn.Module, z: Tensor, condition: Tensor) -> Tensor:
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


def export_module(
    what: str, module: nn.Module, inputs: list[Any], names: list[str], outputs: list[str], dynamic: list[Any]
) -> ir.Model:
    """Trace a module, its inputs' dynamic axes named by ``dynamic``.

    Raises:
        SSSDError: torch's exporter refuses ``what``.
    """
    with quiet():
        try:
            try:
                with lean_export():
                    program = _exported(module, inputs, names, outputs, dynamic)
            except torch.onnx.OnnxExporterError:  # perhaps one of its operators has to be taken apart after all
                program = _exported(module, inputs, names, outputs, dynamic)
        except torch.onnx.OnnxExporterError as error:
            raise SSSDError(f"the {what} cannot be exported: {_reason(error)}") from error
        if program is None:
            raise RuntimeError("torch.onnx.export gave no program")
        return optimise(what, program)


def _exported(
    module: nn.Module, inputs: list[Any], names: list[str], outputs: list[str], dynamic: list[Any]
) -> torch.onnx.ONNXProgram | None:
    return torch.onnx.export(
        module.eval(), tuple(inputs), dynamo=True, opset_version=OPSET, verbose=False, input_names=names,
        output_names=outputs, dynamic_shapes=tuple(dynamic), optimize=False, custom_translation_table=TRANSLATIONS,
    )  # fmt: skip


def _reason(error: BaseException) -> str:
    """The first line of what went wrong at first; torch wraps it several times, in advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """torch's exporter warns of torchvision's absence and of its own deprecations; neither is ours to mend.

    Nor is it that a scalar's shape, an empty list, is taken for one of whole numbers, as it should be.
    """
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
