"""Our own head and target pass the suites that we ask others to pass."""

from __future__ import annotations

import pytest

from sssd_registry.testing import HeadConformance, TargetConformance


class TestMLP(HeadConformance):
    name = "mlp"


class TestMLPWithOneLayer(HeadConformance):
    name = "mlp"
    options = {"hidden_sizes": [12], "time_size": 6}  # noqa: RUF012 - as an author writes it


@pytest.mark.slow
class TestONNX(TargetConformance):
    name = "onnx"
