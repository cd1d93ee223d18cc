"""The README is short, and what it tells a reader exists."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_pages import ROOT, blocks

README = ROOT / "README.md"


def test_it_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_it_names_what_a_reader_needs_first() -> None:
    text = README.read_text()
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu" in text
    for title in ("You have a CSV and want forecasts", "You write a plugin", "You deploy"):
        assert f"\n## {title}\n" in text


def test_the_few_lines_are_the_code_path(prepared: Path) -> None:
    """They give what the pipeline's own computation gives of the same noise."""
    import numpy as np
    import torch

    from sssd_registry.model_pipeline import forecast_samples
    from sssd_registry.sampling.noise import PathNoise

    code = next(block.text for block in blocks(README) if "network.start" in block.text)
    statements = [line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(statements) <= 15
    names: dict[str, object] = {}
    exec(code, names)
    noise = names["noise"]
    assert isinstance(noise, torch.Tensor)
    expected = forecast_samples(
        *(names[name] for name in ("network", "tableau", "windows")),  # type: ignore[arg-type]
        [1.0, 4.0],
        PathNoise(noise, torch.empty(0, *noise.shape[:2], *names["network"].latent_shape)),  # type: ignore[attr-defined]
    )
    np.testing.assert_allclose(names["samples"], expected, rtol=1e-12)  # type: ignore[arg-type]


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README.read_text())
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_page_is_linked() -> None:
    text = README.read_text()
    for page in sorted((ROOT / "docs").rglob("*.md")):
        if page.name != "index.md":
            assert f"({page.relative_to(ROOT)})" in text, page
