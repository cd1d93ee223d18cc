"""S4D: the kernel is the discretised system's impulse response; FFT and convolution agree; nothing looks ahead."""

from __future__ import annotations

import pytest
import torch

from sssd_registry.model.s4d import S4D, S4Block


def layer(channels: int = 5, state_size: int = 8) -> S4D:
    torch.manual_seed(0)
    return S4D(channels, state_size).requires_grad_(False)


@pytest.mark.parametrize("length", [1, 2, 7, 64, 100])
def test_the_kernel_is_the_recurrences_impulse_response(length: int) -> None:
    """x_l = exp(dt A) x_{l−1} + (exp(dt A) − 1)/A u_l, y_l = 2 Re(C x_l): stepped through one by one in float64."""
    ssm = layer()
    a = torch.complex(-ssm.log_neg_a_real.double().exp(), ssm.a_imag.double())
    decay = torch.exp(a * ssm.log_dt.double().exp().unsqueeze(-1))
    drive = (decay - 1) / a
    c = torch.complex(ssm.c_real.double(), ssm.c_imag.double())
    state = torch.zeros_like(a)
    response = []
    for step in range(length):
        state = decay * state + drive * (1.0 if step == 0 else 0.0)
        response.append(2 * (c * state).sum(-1).real)
    torch.testing.assert_close(ssm.kernel(length).double(), torch.stack(response, dim=-1), atol=1e-5, rtol=1e-4)


def test_no_output_depends_on_a_later_input() -> None:
    ssm = layer()
    u = torch.randn(1, 5, 30)
    changed = u.clone()
    changed[..., 17:] += 10.0
    torch.testing.assert_close(ssm(u)[..., :17], ssm(changed)[..., :17], atol=1e-5, rtol=0)
    assert not torch.allclose(ssm(u)[..., 17:], ssm(changed)[..., 17:])


def test_the_state_decays() -> None:
    """Re A < 0 whatever training does to its parameter."""
    ssm = layer()
    ssm.log_neg_a_real.fill_(3.0)
    kernel = ssm.kernel(2000)
    assert kernel[:, -1].abs().max() < 1e-3 * kernel.abs().max()


def test_gradients_reach_every_parameter() -> None:
    block = S4Block(4, 8, dropout=0.0)
    block(torch.randn(2, 12, 4)).square().mean().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
