"""Our own head and target pass the suites that we ask others to pass."""

from __future__ import annotations

import pytest

from sssd_registry.testing import HeadConformance, TargetConformance


class TestMLP(HeadConformance):
    name = "mlp"


class TestMLPWithOneLayer(HeadConformance):
    name = "mlp"
    options = {"hidden_sizes": [12], "time_size": 6}  # noqa: RUF012 - as an author writes it


class TestAdaLN(HeadConformance):
    name = "adaln"
    options = {"width": 16, "blocks": 2}  # noqa: RUF012


class TestDiT(HeadConformance):
    name = "dit"
    options = {"width": 16, "blocks": 2}  # noqa: RUF012


class TestFiLMUNet(HeadConformance):
    name = "film-unet"
    options = {"widths": [8, 16, 16]}  # noqa: RUF012


class TestUNet1D(HeadConformance):
    name = "unet1d"


class TestUNet1DWithAttention(HeadConformance):
    name = "unet1d-attn"


class TestUNet2D(HeadConformance):
    name = "unet2d"
    options = {"block_out_channels": [16, 16]}  # noqa: RUF012


class TestUNet2DWithAttention(HeadConformance):
    name = "unet2d"
    options = {"block_out_channels": [16, 16], "attention": True, "columns": 5}  # noqa: RUF012


@pytest.mark.slow
class TestONNX(TargetConformance):
    name = "onnx"
