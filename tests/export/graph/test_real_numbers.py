"""Heads with complex numbers: their real form gives what they give, and no complex number is left in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sssd_export.graph.real_numbers import _Watch, with_real_numbers
from sssd_export.graph.trace import trace_head
from sssd_registry.errors import SSSDError
from sssd_registry.model.s4d import S4D

DYNAMIC = [{0: "windows", 1: "samples"}, {0: "windows", 1: "samples"}, {0: "windows"}]


def inputs(windows: int = 2, samples: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    z, cond = (torch.randn(*shape, generator=generator) for shape in ((windows, samples, 6, 5), (windows, 6, 4)))
    return z, torch.full((windows, samples), 7.0), cond


class Made(nn.Module):
    """A head of one function of ``z``, and of parameters that are complex and computed with."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        generator = torch.Generator().manual_seed(1)
        self.weights = nn.Parameter(torch.randn(6, 5, 2, generator=generator), requires_grad=False)

    def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        made = self.function(z, torch.exp(0.3j * torch.view_as_complex(self.weights)))
        return made + t[..., None, None] / 1000 + cond.mean(dim=(1, 2))[:, None, None, None]


def over_tokens(z: Tensor, c: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(z, dim=2, norm="ortho") * c[:4], n=6, dim=2, norm="ortho")


def padded(z: Tensor, c: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(z, n=9) * c[0], n=9)[..., :5]


def of_both(z: Tensor, c: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(z) * c[:, :3], s=(6, 5))


def whole(z: Tensor, c: Tensor) -> Tensor:
    spectrum = torch.fft.fft2(z.to(torch.complex64)) * c.conj() + 2.0
    return torch.fft.ifft2(spectrum - c / (1.5 + spectrum), norm="forward").real / 30


def states(z: Tensor, c: Tensor) -> Tensor:
    return torch.einsum("bskd,kd->bsk", z * (1 + 0.5j), c).abs().unsqueeze(-1) * torch.angle(c).cos() * z


@pytest.mark.parametrize("function", [over_tokens, padded, of_both, whole, states])
def test_it_computes_the_same_in_real_numbers(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    head = Made(function)
    made, seen = with_real_numbers(head, inputs(), DYNAMIC), _Watch()
    given = inputs(windows=1, samples=4)
    with seen:
        real = made(*given)
    assert not seen.is_complex
    torch.testing.assert_close(real, head(*given), atol=2e-5, rtol=1e-4)


def test_a_head_without_them_is_left_as_it_is() -> None:
    head = Made(lambda z, c: z)
    head.forward = lambda z, t, cond: z  # type: ignore[method-assign]
    assert with_real_numbers(head, inputs(), DYNAMIC) is head


def test_what_is_not_known_of_them_is_refused_in_one_line() -> None:
    head = Made(lambda z, c: torch.cumprod(z * c, dim=-1).real)
    with pytest.raises(SSSDError, match=r"noise head cannot be exported: aten\.cumprod\.default of complex numbers"):
        with_real_numbers(head, inputs(), DYNAMIC)


def test_a_layer_of_the_encoder_serves_in_a_head() -> None:
    """Its FFT, and its kernel of complex exponentials, are products in the graph."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = S4D(5, 8)

        def forward(self, z: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            known = cond.mean(dim=-1, keepdim=True).unsqueeze(1) + t[..., None, None] / 1000
            return torch.as_tensor(self.layer((z + known).flatten(0, 1).mT).mT.unflatten(0, z.shape[:2]))

    z, _, cond = inputs()
    model, single = trace_head(Head().eval().requires_grad_(False), z, cond)
    kinds = {node.op_type for node in model.graph}
    assert single
    assert "MatMul" in kinds
    assert not kinds & {"DFT", "Cos", "Sin", "Exp"}
