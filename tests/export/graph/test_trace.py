"""Tracing heads as their authors wrote them, with no thought of ONNX, and the quantiles of the output piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from compiled import Compiled, counts
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sssd_export.build.manifest_entries import QUANTILE_LEVELS
from sssd_export.build.parity import TOLERANCE
from sssd_export.graph.s4_forms import FourierS4D, LastOfS4Block, without_fft
from sssd_export.graph.stages import Encode, Normalise, ordered_quantiles
from sssd_export.graph.trace import trace, trace_head
from sssd_registry.errors import SSSDError
from sssd_registry.model.batches import to_tensors
from sssd_registry.model.s4d import S4D
from sssd_registry.plugin_api.make_network import make_network

COND = 16


class PerSample(nn.Module):
    """Reshapes ``t`` to ``z``'s windows and samples: one number will not do."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Linear(1 + 1 + COND, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        windows, samples, horizons, _ = z.shape
        time = t.reshape(windows, samples, 1, 1).expand(-1, -1, horizons, -1) / 1000
        wide = cond.unsqueeze(1).expand(-1, samples, -1, -1)
        return self.out(torch.tanh(self.inside(torch.cat([z, time.sin(), wide], dim=-1))))


class Gated(nn.Module):
    """A network of its own for the condition."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(COND, 12), nn.Tanh(), nn.Linear(12, 1))
        self.rate = nn.Parameter(torch.tensor(0.01))

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return z * self.gate(cond).unsqueeze(1) * torch.cos(t * self.rate)[:, :, None, None]


class Timeless(nn.Module):
    """Ignores ``t``."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Linear(COND, 1)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return 0.3 * z + torch.tanh(self.shift(cond)).unsqueeze(1)


class Unconditional(nn.Module):
    """Ignores the condition."""

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        return torch.tanh(z) * (t / 1000)[..., None, None]


class Film(nn.Module):
    """Time modulates the condition: once a step, never per sample."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(COND, 6)
        self.out = nn.Linear(6, 1)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        wave = torch.sin(t / 100)[:, :, None, None]
        return z * self.out(F.gelu(self.project(cond).unsqueeze(1) * wave))


class Direct(nn.Module):
    """Uses ``t`` as it comes."""

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        size = z.mean(dim=(2, 3)) + cond.mean(dim=(1, 2)).unsqueeze(1) + t  # (B, S)
        return z * torch.sin(size / 100)[..., None, None]


class Attentive(nn.Module):
    """Attention across horizons, by torch's own attention."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Linear(1 + COND, 8)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 1)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        wide = cond.unsqueeze(1).expand(-1, z.shape[1], -1, -1)
        x = self.inside(torch.cat([z, wide], dim=-1)) + (t / 1000)[:, :, None, None]
        query, key, value = self.qkv(self.norm(x)).chunk(3, dim=-1)  # (B, S, K, 8)
        return self.out(F.scaled_dot_product_attention(query, key, value))


@pytest.mark.parametrize(
    ("head", "broadcast"),
    [
        (PerSample, False),
        (Gated, True),
        (Timeless, True),
        (Unconditional, True),
        (Film, True),
        (Direct, True),
        (Attentive, True),
    ],
)
def test_a_head_as_its_author_wrote_it_compiles(
    tiny: Compiled, by_token: Compiled, head: type[nn.Module], broadcast: bool
) -> None:
    torch.manual_seed(0)
    case = by_token.with_head(head())
    assert case.head.broadcast_time is broadcast
    for scheduler, steps in (("dpmsolver++", 5), ("ddpm", 3)):
        engine = case.engine(scheduler, steps)
        for windows, samples in ((1, 2), (5, 7)):
            assert case.error(engine, scheduler, steps, windows, samples) <= TOLERANCE
    if head is Gated:
        found = counts(case.model("ddim", 6))
        others = counts(tiny.model("ddim", 6))
        assert found["Tanh"] - others.get("Tanh", 0) == 1
        assert found["Cos"] == others["Cos"]


def test_a_head_that_cannot_be_traced_is_refused_in_one_line() -> None:
    class Branching(nn.Module):
        def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            return z if float(z.sum()) > 0 else -z

    with pytest.raises(SSSDError, match=r"^the noise head cannot be exported: .+$") as caught:
        trace_head(Branching(), torch.randn(2, 3, 2, 1), torch.randn(2, 2, COND))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_heads_own_error_is_raised_as_it_is() -> None:
    class Broken(nn.Module):
        def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            raise KeyError("of the author's")

    with pytest.raises(KeyError, match="of the author's"):
        trace_head(Broken(), torch.randn(2, 3, 2, 1), torch.randn(2, 2, COND))


def test_the_encoder_is_traced_without_a_second_try(joint: Compiled) -> None:
    """Torch's compiler would take what cannot be traced as it stands: the same graph, for twice the time."""
    network = without_fft(joint.network)
    values, times = to_tensors(joint.windows.part(0, 2), joint.network.spec)
    raw = (tuple(values.values()), tuple(times.values()))
    windows = torch.export.Dim("windows")
    shapes = tuple(tuple({0: windows} for _ in tensors) for tensors in raw)
    bars = torch.tensor(joint.horizons).float()
    normalise, encode = Normalise(network, bars).eval(), Encode(network).eval()
    program = torch.export.export(normalise, raw, dynamic_shapes=shapes, strict=False)
    more = [tuple(part.values()) for part in to_tensors(joint.windows.part(0, 5), joint.network.spec)]
    made = normalise(*more)
    torch.testing.assert_close(program.module()(*more), made)
    features = normalise(*raw)[:-2]
    program = torch.export.export(encode, features, dynamic_shapes=(shapes[0],), strict=False)
    torch.testing.assert_close(program.module()(*made[:-2]), encode(*made[:-2]))


def test_tracing_leaves_the_network_as_it_was(tiny: Compiled) -> None:
    kinds = {type(module) for module in tiny.network.modules()}
    assert S4D in kinds
    assert not {FourierS4D, LastOfS4Block} & kinds


def test_layers_of_a_timeframe_share_their_fourier_matrices(joint: Compiled) -> None:
    config = joint.network.config.model_copy(update={"num_layers": 3})
    torch.manual_seed(0)
    deep = make_network(joint.network.spec, config).eval().requires_grad_(False)
    pieces = trace(deep, joint.horizons, QUANTILE_LEVELS, joint.windows)
    assert pieces.head is not None
    names = [name for name in pieces.head.encode.graph.initializers if name.endswith("_matrix")]
    assert len(names) == 2 * len(deep.spec.timeframes)
    used = [node.inputs[1].name for node in pieces.head.encode.graph if node.op_type == "MatMul"]
    assert all(used.count(name) == 2 for name in names), "by the first two of three layers"


def test_the_order_of_the_examples_timeframes_does_not_matter(tiny: Compiled) -> None:
    """Files hold them by name."""
    first = tiny.windows.part(0, 2)
    turned = replace(first, values=dict(reversed(first.values.items())), times=dict(reversed(first.times.items())))
    pieces = trace(tiny.network, tiny.horizons, QUANTILE_LEVELS, turned)
    assert pieces.head is not None
    for one, other in (
        (pieces.normalise.graph, tiny.pieces.normalise.graph),
        (pieces.head.encode.graph, tiny.head.encode.graph),
    ):
        assert [(v.name, str(v.shape)) for v in one.inputs] == [(v.name, str(v.shape)) for v in other.inputs]


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(1, 40), seed=st.integers(0, 1000))
def test_quantiles_by_numpys_definition(samples: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, samples, 3, 2))
    levels = np.array([0.0, 0.05, 0.5, 0.9, 1.0])
    seen = ordered_quantiles(torch.from_numpy(np.sort(values, axis=1)), torch.from_numpy(levels)).numpy()
    np.testing.assert_allclose(seen, np.moveaxis(np.quantile(values, levels, axis=1), 0, 1), rtol=1e-12, atol=1e-12)
