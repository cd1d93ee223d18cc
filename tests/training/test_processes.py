"""Several processes give what one gives, one of them speaks, and none waits for one that is gone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from cli_runner import error_line, sssd
from in_two_processes import LONG, SHORT, dumped
from safetensors.torch import load_file

from sssd_registry.config import load_config
from sssd_registry.pipeline import SSSDPipeline
from sssd_registry.training.launch import launched
from sssd_registry.training.processes import ALONE, Processes, Share
from sssd_registry.training.shared_dropout import SharedDropout
from sssd_registry.training.train import train

WORKER = Path(__file__).with_name("in_two_processes.py")


def difference(one: Path, other: Path) -> float:
    """Largest difference of any weight."""
    a, b = load_file(one), load_file(other)
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a if a[name].numel())


def test_two_processes_give_what_one_gives(tiny_csv: Path, working_model: Path, tmp_path: Path) -> None:
    """Uneven shares, dropout, mirrored windows, accumulation, Ctrl-C in one of them, and a distilled head."""
    shutil.copy(tiny_csv, tmp_path / "bars.csv")
    shutil.copytree(working_model, tmp_path / "teacher")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", WORKER, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    for settings, name in ((LONG, "two"), (SHORT, "whole")):
        with dumped(tmp_path / f"{name}-one.safetensors"):
            train(tiny_csv, load_config(None, settings), tmp_path / f"{name}-one")
        assert difference(tmp_path / f"{name}-one.safetensors", tmp_path / f"{name}.safetensors") <= 1e-6
    assert difference(tmp_path / "whole.safetensors", tmp_path / "broken.safetensors") == 0
    assert not (tmp_path / "broken.checkpoint").exists()
    one, two = (SSSDPipeline.from_pretrained(tmp_path / name).record for name in ("two-one", "long"))
    assert one is not None
    assert two is not None
    assert two.validation_crps == pytest.approx(one.validation_crps, rel=1e-5)
    assert SSSDPipeline.from_pretrained(tmp_path / "fast").record is not None


@pytest.mark.parametrize("fault", [pytest.param("in the first", marks=pytest.mark.long), "in the other"])
def test_no_process_waits_for_one_that_failed(tiny_csv: Path, overrides: list[str], tmp_path: Path, fault: str) -> None:
    """Also without a launcher that ends them: each says one line at most, and ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = []
    for index in range(2):
        wrong = (fault == "in the first") == (index == 0)
        words = ["train", tmp_path / "none.csv" if wrong else tiny_csv, "--out", tmp_path / "model", *overrides]
        environment = os.environ | common | {"RANK": str(index), "LOCAL_RANK": str(index)}
        command = [sys.executable, "-m", "sssd_registry", *words]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode for process in started] == [2, 2], said
    lines = [[line for line in text.splitlines() if "error: " in line] for text in said]
    assert [len(one) for one in lines] == [1, 1], said
    failed = 0 if fault == "in the first" else 1
    assert "none.csv" in lines[failed][0]
    assert "another of its processes has ended" in lines[1 - failed][0]
    assert lines[1][0].startswith("process 1: error: ")
    assert not (tmp_path / "model").exists()


def test_commands_that_share_no_work_are_refused(tiny_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert launched() == (0, 2)
    line = error_line(sssd("evaluate", tiny_csv, tiny_csv))
    assert line.startswith("evaluate runs in one process, and a launcher started 2: ")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_the_whole_batch(count: int) -> None:
    shares = [Processes(index, count).share(7) for index in range(count)]
    assert [row for share in shares for row in range(7)[share.rows]] == list(range(7))
    assert max(share.size for share in shares) - min(share.size for share in shares) <= 1
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert ALONE.share(7) == Share(slice(0, 7), 7)


@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 3), (10, 3)])
@pytest.mark.parametrize("turned", [False, True])
def test_dropout_of_a_share_is_that_of_the_whole(shape: tuple[int, ...], turned: bool) -> None:
    """Also where windows and their draws are one axis, and where memory has another order than the axes."""
    x = torch.randn(*shape, 4, generator=torch.Generator().manual_seed(0))
    x = x.transpose(1, 2) if turned else x
    with torch.random.fork_rng():
        torch.manual_seed(3)
        whole, after = F.dropout(x, 0.3), torch.rand(1)
        for index in range(2):
            share = Processes(index, 2).share(5)
            each = len(x) // 5
            rows = slice(share.rows.start * each, share.rows.stop * each)
            torch.manual_seed(3)
            with SharedDropout(share):
                assert torch.equal(F.dropout(x[rows], 0.3), whole[rows])
            assert torch.equal(torch.rand(1), after)
