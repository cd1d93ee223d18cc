"""Our own head and target pass the suites that we ask others to pass."""

from __future__ import annotations

import importlib.util

import pytest

from sssd_registry.testing import HeadConformance, TargetConformance

needs_openvino = pytest.mark.skipif(not importlib.util.find_spec("openvino"), reason="openvino is not installed")


class TestMLP(HeadConformance):
    name = "mlp"


class TestMLPWithOneLayer(HeadConformance):
    name = "mlp"
    options = {"hidden_sizes": [12], "time_size": 6}  # noqa: RUF012 - as an author writes it


class TestAdaLN(HeadConformance):
    name = "adaln"
    options = {"width": 16, "blocks": 2}  # noqa: RUF012


class TestAttend(HeadConformance):
    name = "attend"
    options = {"width": 16, "blocks": 2}  # noqa: RUF012


class TestDiT(HeadConformance):
    name = "dit"
    options = {"width": 16, "blocks": 2}  # noqa: RUF012


class TestFiLMUNet(HeadConformance):
    name = "film-unet"
    options = {"widths": [8, 16, 16]}  # noqa: RUF012


class TestUNet1D(HeadConformance):
    name = "unet1d"


@pytest.mark.long
class TestUNet1DWithAttention(HeadConformance):
    name = "unet1d-attn"


class TestUNet2D(HeadConformance):
    name = "unet2d"
    options = {"block_out_channels": [16, 16]}  # noqa: RUF012


@pytest.mark.long
class TestUNet2DWithAttention(HeadConformance):
    name = "unet2d"
    options = {"block_out_channels": [16, 16], "attention": True, "columns": 5}  # noqa: RUF012


@pytest.mark.slow
class TestONNX(TargetConformance):
    name = "onnx"


@pytest.mark.long
class TestONNXStepByStep(TargetConformance):
    name = "onnx"
    how = {"loop": "step"}  # noqa: RUF012


@pytest.mark.slow
@needs_openvino
class TestOpenVINO(TargetConformance):
    name = "openvino"


@pytest.mark.long
@needs_openvino
class TestOpenVINOInHalfPrecision(TargetConformance):
    name = "openvino"
    how = {"precision": "bf16", "loop": "loop", "split": True}  # noqa: RUF012
    tolerance = 0.1
