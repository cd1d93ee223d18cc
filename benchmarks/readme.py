"""Puts what `make demo` and `make bench` measured into the README, between its markers: `make readme`."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "demo"))


def main() -> None:
    from run import rows

    demo = json.loads((ROOT / "runs/demo.json").read_text())
    bench = json.loads((ROOT / "runs/bench.json").read_text())
    text = (ROOT / "README.md").read_text()
    text = between(text, "demo", table(["measured by `make demo`", ""], [list(row) for row in rows(demo)]))
    text = between(text, "bench", bench_tables(bench))
    (ROOT / "README.md").write_text(text)
    shutil.copy(ROOT / "runs/eurusd.png", ROOT / "docs/forecast.png")


def between(text: str, marker: str, content: str) -> str:
    """Replace what stands between ``<!-- marker -->`` and ``<!-- /marker -->``."""
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"README.md has no <!-- {marker} --> … <!-- /{marker} -->")
    return pattern.sub(lambda found: found[1] + content + "\n" + found[2], text)


def table(head: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def bench_tables(bench: dict[str, Any]) -> str:
    """One table for the loop and one for the whole forecast, reference and demo sizes side by side."""
    parts = []
    for what, last in (("loop", "compiled loop"), ("whole forecast", "engine")):
        reference, demo = bench[f"{what}, reference sizes"], bench[f"{what}, demo sizes"]
        body = [
            [name, f"{entry['ms']:.1f} ms", f"{entry['ratio']:.1f}×", f"{small['ms']:.1f} ms", f"{small['ratio']:.1f}×"]
            for name, entry in reference.items()
            if (small := demo.get(name))
        ]
        head = [what, "reference sizes", f"÷ {last}", "demo sizes", f"÷ {last}"]
        parts.append(table(head, body))
    machine = f"{bench['threads']} CPU threads ({bench['machine']}), {bench['dtype']}"
    versions = f"torch {bench['torch']}, onnxruntime {bench['onnxruntime']}"
    quality = bench["quality"]
    parts.append(
        f"{machine}; {versions}. CRPS of the 20-step engine is {quality['ratio']:.4f} of the 100-step sampler's, on"
        f" {quality['windows']} test windows of the demo."
    )
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
