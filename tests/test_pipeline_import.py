"""Importing the pipeline costs no diffusers; a pipeline is one of diffusers' all the same. Each in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# What each pulls in is most of the time that diffusers' pipelines take.
HEAVY = ("diffusers", "torch._dynamo", "scipy.stats", "transformers", "matplotlib", "gluonts", "pyarrow.parquet")
# Modules in all; torch has 1200 of them. With diffusers' pipelines there are 3,700.
MOST = 2200


def fresh(code: str, *arguments: object) -> str:
    """Standard output of ``code`` in a Python of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_no_diffusers() -> None:
    code = "import sys; from sssd_registry import SSSDPipeline, open_forecaster; print(*sys.modules)"
    modules = fresh(code).split()
    assert {"torch", "pandas", "sssd_registry.pipeline"} <= set(modules)
    assert not set(HEAVY) & set(modules)
    assert len(modules) < MOST


def test_a_forecast_of_a_model_imports_none_of_diffusers_pipelines(tiny_model: Path, tiny_csv: Path) -> None:
    code = (
        "import sys\nfrom sssd_registry.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print(*sys.modules)"
    )
    said = fresh(code, "forecast", tiny_model, tiny_csv, "--steps", 2, "--samples", 4)
    modules = set(said.splitlines()[-1].split())
    assert "diffusers.schedulers" in modules
    assert not {"diffusers.pipelines.pipeline_utils", "diffusers.models.autoencoders"} & modules


IS_ONE = """
import sys
from sssd_registry import SSSDPipeline
assert "diffusers" not in sys.modules
pipe = SSSDPipeline.from_pretrained(sys.argv[1])
from diffusers import ConfigMixin, DiffusionPipeline, EulerDiscreteScheduler
assert isinstance(pipe, DiffusionPipeline) and isinstance(pipe, ConfigMixin)
assert issubclass(SSSDPipeline, DiffusionPipeline) and type(pipe) is SSSDPipeline
assert set(pipe.components) == {"model", "scheduler"}
assert pipe.config["model"] == ("sssd_registry.model.network", "SSSDNetwork"), pipe.config
pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
assert type(pipe.components["scheduler"]) is EulerDiscreteScheduler
assert pipe.config["scheduler"][1] == "EulerDiscreteScheduler"
assert pipe.to("cpu") is pipe
pipe.register_modules(scheduler=pipe.scheduler)
pipe.set_progress_bar_config(disable=True)
assert list(pipe.progress_bar(range(3))) == [0, 1, 2]
with pipe.progress_bar(total=2) as bar:
    bar.update()
assert callable(pipe.push_to_hub) and callable(pipe.maybe_free_model_hooks)
"""


def test_a_pipeline_is_one_of_diffusers(tiny_model: Path) -> None:
    fresh(IS_ONE, tiny_model)


@pytest.mark.parametrize(
    "code",
    [
        # Asked for something of theirs before there is an instance.
        "assert SSSDPipeline.config_name == 'model_index.json'; theirs(SSSDPipeline)",
        # Where they were imported before.
        "import diffusers; diffusers.DiffusionPipeline; del sys.modules['sssd_registry.pipeline']\n"
        "from sssd_registry import SSSDPipeline\ntheirs(SSSDPipeline)",
        # A subclass made before there is an instance.
        "class Mine(SSSDPipeline): pass\nmade = Mine.__new__(Mine)\ntheirs(Mine)",
        # What copying and unpickling do.
        "import copyreg; made = copyreg.__newobj__(SSSDPipeline); theirs(type(made))",
    ],
)
def test_the_class_joins_diffusers_when_asked(code: str) -> None:
    start = (
        "import sys\nfrom sssd_registry import SSSDPipeline\n"
        "def theirs(cls):\n    import diffusers; assert issubclass(cls, diffusers.DiffusionPipeline)\n"
        "assert 'diffusers' not in sys.modules\n"
    )
    fresh(start + code)


def test_what_nobody_has_is_an_attribute_error() -> None:
    code = (
        "from sssd_registry import SSSDPipeline\n"
        "for _ in range(2):\n"
        "    try: SSSDPipeline.nothing\n"
        "    except AttributeError as error: assert 'nothing' in str(error)\n"
        "    else: raise SystemExit('found')"
    )
    fresh(code)
