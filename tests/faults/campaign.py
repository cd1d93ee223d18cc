"""``make faults``: kill −9 at random moments of commands that write, and look at what is left.

    python tests/faults/campaign.py [--kills 100] [--seed 0] [save train distill compare tune export report …]

Each command runs in a fork of this process, which has imported all it needs, and is killed at a random moment of the
time that it takes. What is then there has to be the old or the new, whole; files of others are untouched; the same
command, with ``--resume`` where there is a checkpoint, has to come to the bits of an unbroken run; and in the end no
temporary file is left. Prints a line for each command, and ends with 1 at the first fault, which it keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # before any fork  # noqa: E402
from cli_runner import error_line, sssd, sssd_export  # noqa: E402

from sssd_registry.pipeline import SSSDPipeline  # noqa: E402
from sssd_registry.testing.tiny_model import SETTINGS, tiny_frame, train_tiny_model  # noqa: E402

MINE = {"README.md": "mine", ".git/config": "[core]", "data.csv": "t,y"}
OVERRIDES = [part for setting in SETTINGS for part in ("--set", setting)]


@dataclass(frozen=True)
class Case:
    """A command that writes.

    Attributes:
        prepare: puts what is there before into the working folder.
        command: what is killed.
        check: looks at what is left and raises; returns a word for it: the kinds that were seen are counted.
        again: has to come to the end; then what an unbroken run gives has to be there.
    """

    prepare: Callable[[], object]
    command: Callable[[], None]
    check: Callable[[], str]
    again: Callable[[], None]


def run(*arguments: object, export: bool = False) -> None:
    """A command that has to succeed."""
    outcome = (sssd_export if export else sssd)(*arguments)
    assert outcome.code == 0, (arguments, outcome.err)


def weights(folder: Path) -> str:
    """A digest of what the model in ``folder`` is."""
    tensors = SSSDPipeline.from_pretrained(folder).network.state_dict().values()
    return str([float(tensor.double().abs().sum()) for tensor in tensors])


def put_mine(folder: Path) -> None:
    for name, text in MINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def check_mine(folder: Path) -> None:
    for name, text in MINE.items():
        assert (folder / name).read_text() == text, name


def cases(base: Path) -> dict[str, Case]:
    """By name; all work in the current folder."""
    data, model, other, engine = base / "bars.csv", base / "model", base / "other", base / "engine"
    first, second, loaded = weights(model), weights(other), SSSDPipeline.from_pretrained(other)

    def save_prepare() -> None:
        shutil.copytree(model, "m")
        put_mine(Path("m"))

    def saved() -> str:
        check_mine(Path("m"))
        return {first: "old", second: "new"}[weights(Path("m"))]

    def save() -> None:
        loaded.save_pretrained("m")

    def trained(reference: Path, command: list[object]) -> Case:
        def look() -> str:
            if Path("m").exists():
                assert weights(Path("m")) == weights(reference)
                return "model"
            return "checkpoint" if Path("m.checkpoint/progress.json").exists() else "nothing"

        def again() -> None:
            if not Path("m/model_index.json").exists():
                outcome = sssd(*command, "--resume")
                if outcome.code:
                    assert "nothing to resume" in error_line(outcome)
                    run(*command)
            else:
                assert "already holds a model" in error_line(sssd(*command))
                run(*command, "--overwrite")  # sweeps
            assert weights(Path("m")) == weights(reference)
            assert not Path("m.checkpoint").exists()

        return Case(lambda: None, lambda: run(*command), look, again)

    compare: list[object] = ["compare", "m", data, "--schedulers", "ddim,dpmsolver++", "--steps", "4,6", "--samples", 8,
                             "--max-windows", 8, "--write-default"]  # fmt: skip

    def compared() -> str:
        assert weights(Path("m")) == first
        check_mine(Path("m"))
        state = Path("m.compare.json")
        return f"{len(json.loads(state.read_text())['rows'])} rows" if state.exists() else "nothing"

    tune: list[object] = ["tune", "m", data, "--steps", 4]

    def tuned() -> str:
        assert saved() == "old"
        return "tuned" if SSSDPipeline.from_pretrained("m").sampling_defaults.tuned else "not tuned"

    export: list[object] = ["build", model, "--out", "e", "--steps", 2, "--samples", 8]

    def export_prepare() -> None:
        shutil.copytree(engine, "e")
        put_mine(Path("e"))

    def exported() -> str:
        from sssd_engine.engine import load_engine

        check_mine(Path("e"))
        return f"{load_engine('e').manifest['num_inference_steps']} steps"

    report: list[object] = ["report", model, data, "--out", "r.html", "--max-windows", 8, "--samples", 8]

    def reported() -> str:
        text = Path("r.html").read_text()
        assert text == "old" or text.rstrip().endswith("</html>")
        return "old" if text == "old" else "new"

    search: list[object] = ["search", data, "--storage", "s.db", "--trials", 2, *OVERRIDES]

    def searched() -> str:
        return "trials" if Path("s.db").exists() else "nothing"

    batch: list[object] = ["forecast", engine, "parts/*.csv", "--out", "f", "--samples", 8, "--workers", 1]

    def batch_prepare() -> None:
        Path("parts").mkdir()
        for number in range(3):
            shutil.copy(data, f"parts/{number}.csv")

    def forecast() -> str:
        made = sorted(Path("f").glob("[0-9].csv")) if Path("f").exists() else []
        assert len({file.read_bytes() for file in made}) <= 1
        return f"{len(made)} parts"

    return {
        "report": Case(lambda: Path("r.html").write_text("old"), lambda: run(*report), reported, lambda: run(*report)),
        "search": Case(lambda: None, lambda: run(*search), searched, lambda: run(*search)),
        "batch": Case(batch_prepare, lambda: run(*batch), forecast, lambda: run(*batch)),
        "save": Case(save_prepare, save, saved, save),
        "train": trained(base / "trained", ["train", data, "--out", "m", *OVERRIDES]),
        "distill": trained(base / "distilled", ["distill", base / "working", data, "--out", "m", "--max-steps", 200]),
        "compare": Case(save_prepare, lambda: run(*compare), compared, lambda: run(*compare)),
        "tune": Case(save_prepare, lambda: run(*tune), tuned, lambda: run(*tune)),
        "export": Case(export_prepare, lambda: run(*export, export=True), exported, lambda: run(*export, export=True)),
    }


def prepare(base: Path) -> None:
    """Models, an engine and what unbroken runs give."""
    tiny_frame().to_csv(base / "bars.csv", index=False)
    train_tiny_model(base / "model")
    train_tiny_model(base / "other", "training.seed=1")
    shutil.copytree(base / "model", base / "working")
    index = SSSDPipeline.from_pretrained(base / "working")
    assert index.record is not None
    index.record = index.record.model_copy(update={"best_step": 8})
    index.save_pretrained(base / "working")
    assert json.loads((base / "working" / "config.json").read_text())["record"]["best_step"] == 8
    run("train", base / "bars.csv", "--out", base / "trained", *OVERRIDES)
    run("distill", base / "working", base / "bars.csv", "--out", base / "distilled", "--max-steps", 200)
    run("build", base / "model", "--out", base / "engine", "--steps", 3, "--samples", 8, export=True)


def fork(work: Callable[[], object]) -> int:
    """A child that does ``work``, quietly but for its traceback; ends with 0 where that succeeds."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def waited(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def campaign(name: str, case: Case, kills: int, chance: random.Random, place: Path) -> dict[str, int]:
    """Kill the command so many times; returns what was found how often."""
    found: dict[str, int] = {}
    taken = 0.0
    for number in range(kills + 1):
        folder = place / f"{name}{number}"
        folder.mkdir()
        os.chdir(folder)
        case.prepare()
        started = time.monotonic()
        child = fork(case.command)
        if number:  # the first, unbroken, tells how long it takes
            time.sleep(chance.uniform(0, 1.05) * taken)
            os.kill(child, signal.SIGKILL)
        code = waited(child)
        if code not in ((0, -signal.SIGKILL) if number else (0,)):
            sys.exit(f"{name}: the command fails in {folder}")
        taken = taken or time.monotonic() - started
        word = look_at(folder, case)
        found[word] = found.get(word, 0) + (number > 0)
        os.chdir(place)
        shutil.rmtree(folder)
    return found


def look_at(folder: Path, case: Case) -> str:
    """Check what is in ``folder``, and that the command comes to its end there; ends this process at a fault."""
    note = folder / "seen"
    if waited(fork(lambda: note.write_text(case.check()))):
        sys.exit(f"what is left in {folder} is neither the old nor the new")
    word = note.read_text()
    note.unlink()
    if waited(fork(case.again)):
        sys.exit(f"the command does not come to its end in {folder}")
    left = list(folder.rglob(".sssd-*"))
    if left and (waited(fork(case.again)) or any(each.exists() for each in left)):
        sys.exit(f"temporary files stay: {left}")
    return word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    place = Path(tempfile.mkdtemp(prefix="faults-"))
    os.environ["SSSD_CACHE"] = str(place / "cache")
    (place / "base").mkdir()
    if waited(fork(lambda: prepare(place / "base"))):
        sys.exit("the models to begin with could not be made")
    made = cases(place / "base")
    for name in given.names or made:
        found = campaign(name, made[name], given.kills, random.Random(f"{given.seed} {name}"), place)
        seen = ", ".join(f"{count} {word}" for word, count in sorted(found.items()))
        print(f"{name}: {given.kills} kills, no fault; left: {seen}", flush=True)
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
