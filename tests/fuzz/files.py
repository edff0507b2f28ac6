"""Damaged files through the command line."""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

import quantloom.boards.driver.devices as devices
import quantloom.gen.dataflow.fold
import quantloom.gen.estimate
import quantloom.gen.frontends
import quantloom.gen.report.record
import quantloom.gen.vendor.cmodel  # noqa: F401
from quantloom.gen.cli import main
from quantloom.gen.cli.terminal import console, progress
from quantloom.gen.design import Design
from quantloom.gen.network.file import save_network

from ..boards.driver.model import SoftwareShell
from ..gen.cli.test_malformed import sound
from ..gen.cli.test_malformed_tflite import flat_model
from .apart import Ended, run_apart
from .mutate import mutate

__all__ = ["DAMAGED", "KINDS", "Corpus", "corpus", "hunt_files", "replay"]

DAMAGED = Path(__file__).with_name("damaged")
"""Files that were handled badly once, by kind; a test replays them."""


@dataclass(frozen=True)
class Kind:
    """A kind of file: where it lies in the folder of a case, and the commands that read it."""

    file: str
    commands: tuple[tuple[str, ...], ...]


_OUT = ("-o", "{folder}/out")
KINDS = {
    "onnx": Kind("model.onnx", (("inspect", "{file}"), ("inspect", "{file}"),
                                ("generate", "{file}", *_OUT))),
    "tflite": Kind("model.tflite", (("inspect", "{file}"), ("inspect", "{file}"),
                                    ("generate", "{file}", *_OUT))),
    "design": Kind("made/design.json", (("estimate", "{folder}/made"),
                                        ("generate", "{folder}/made", *_OUT))),
    "weights": Kind("made/weights.npz", (("estimate", "{folder}/made"),)),
    "report": Kind("made/report.json", (("budget", "{folder}/made", "{folder}/baseline.json"),
                                        ("estimate", "{folder}/made"))),
    "baseline": Kind("baseline.json", (("budget", "{folder}/made", "{file}"),)),
    "activity": Kind("made/activity.json", (("estimate", "{folder}/made"),)),
    "manifest": Kind("made/manifest.json", (("budget", "{folder}/made", "{folder}/baseline.json"),
                                            ("generate", "{folder}/model.onnx", "-o",
                                             "{folder}/made"))),
    "registers": Kind("made/shell/registers.json", (("run", "{folder}/made", "--device", "model",
                                                     "--frames", "1"),)),
    "part": Kind("part.toml", (("estimate", "{folder}/made", "--part", "{file}"),)),
    "qnet": Kind("model.qnet", (("inspect", "{file}"), ("generate", "{file}", *_OUT))),
    "sweep": Kind("sweep.toml", (("explore", "--sweep", "{file}", *_OUT),)),
    "inputs": Kind("x.npy", (("generate", "{folder}/made", *_OUT, "--vectors", "{file}"),)),
}  # fmt: skip
"""Every kind of file that a command reads."""

_PART = """name = "TINY"
family = "Zynq-7000"
luts = 17600
lutram_luts = 6000
ffs = 35200
bram36 = 60
dsp = 80
"""
_SWEEP = """[[model]]
file = "model.onnx"
name = "small"

[sweep]
part = ["xc7z010"]
clock = [100.0]
cycles = [100]
"""


class Corpus:
    """Sound files of every kind, and a folder for a case beside them."""

    def __init__(self, root: Path):
        self.sound, self.folder = root / "sound", root / "case"
        self.sound.mkdir()
        sound().save(self.sound)
        flat_model().save(self.sound)
        (self.sound / "part.toml").write_text(_PART)
        (self.sound / "sweep.toml").write_text(_SWEEP)
        made = self.sound / "made"
        self._run("generate", self.sound / "model.onnx", "-o", made, "--shell", "axi", "--part",
                  "xc7z010", "--cycles", "100")
        self._run("simulate", made, "--activity", "--frames", "4")
        self._run("budget", made, self.sound / "baseline.json", "--update")
        save_network(Design.load(made).network, self.sound / "model.qnet")
        np.save(self.sound / "x.npy", np.zeros((2, 6, 6, 2), np.int64))

    def _run(self, *argv: object) -> None:
        if main([str(part) for part in argv]) != 0:
            raise RuntimeError(f"{argv}: the sound files cannot be made")

    def run(self, kind: str, data: bytes, command: int = 0) -> Ended:
        """Run one of a kind's commands on a file of other content."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.sound, self.folder)
        file = self.folder / KINDS[kind].file
        file.write_bytes(data)
        argv = [part.format(file=file, folder=self.folder)
                for part in KINDS[kind].commands[command]]
        return run_apart(argv)

    def content(self, kind: str) -> bytes:
        """The sound file."""
        return (self.sound / KINDS[kind].file).read_bytes()


@contextmanager
def corpus() -> Iterator[Corpus]:
    """Sound files in a folder that goes when the block ends; a device that is a model."""
    def model(*_: object, **__: object) -> SoftwareShell:
        return SoftwareShell(made.sound / "made")

    with tempfile.TemporaryDirectory(prefix="quantloom-fuzz-") as root, \
            mock.patch.object(devices, "open_device", model):
        made = Corpus(Path(root))
        yield made


def hunt_files(seed: int, count: int | None, minutes: float | None, kinds: list[str],
               keep: Path) -> int:
    """Run damaged files from a seed on; the number of different problems that showed.

    Parameters
    ----------
    seed : int
        Each file depends on its own seed and kind alone.
    count : int or None
        Files at the most.
    minutes : float or None
        Time after which no further one begins.
    kinds : list of str
        Names of :data:`KINDS`, in turn.
    keep : Path
        Directory for the files that showed a new problem.
    """
    first, start = seed, time.monotonic()
    problems: dict[tuple[str, str], str] = {}
    outcomes, peak = Counter[str](), 0
    over: Callable[[], bool] = lambda: (count is not None and seed >= first + count) or (  # noqa: E731
        minutes is not None and time.monotonic() - start > 60 * minutes)
    with corpus() as files, progress("files") as update:
        while not over():
            update(seed - first, count, f"files, seed {seed}")
            kind = kinds[seed % len(kinds)]
            rng = random.Random(f"{kind} {seed}")
            data = mutate(KINDS[kind].file, files.content(kind), rng)
            command = rng.randrange(len(KINDS[kind].commands))
            ended = files.run(kind, data, command)
            peak = max(peak, ended.peak)
            outcomes[f"code {ended.code}"] += 1
            if ended.problem is not None and (kind, ended.problem) not in problems:
                problems[kind, ended.problem] = ""
                name = f"{kind}-{command}-{hashlib.sha256(data).hexdigest()[:8]}"
                keep.mkdir(parents=True, exist_ok=True)
                (keep / name).write_bytes(data)
                console.print(f"{kind} (seed {seed}): {ended.problem}; kept as {keep / name}",
                              markup=False)
            seed += 1
    seconds = time.monotonic() - start
    console.print(f"{seed - first} files, seeds {first} to {seed - 1}: {dict(outcomes)}, at most "
                  f"{peak >> 20} MB resident, {len(problems)} problems; "
                  f"{60 * (seed - first) / seconds:.0f} files a minute; continue with "
                  f"--seed {seed}", markup=False)
    return len(problems)


def replay() -> int:
    """Run the files of :data:`DAMAGED`, and sound ones, which must be taken; number of problems.

    Names of files begin with their kind and the number of the command.
    """
    problems = 0
    with corpus() as files:
        for kind in KINDS.keys() - {"sweep"}:  # a whole sweep takes long
            if (ended := files.run(kind, files.content(kind))).code:
                console.print(f"a sound {kind}: {ended.text}", markup=False)
                problems += 1
        for path in sorted(DAMAGED.iterdir()):
            kind, command, _ = path.name.split("-")
            if problem := files.run(kind, path.read_bytes(), int(command)).problem:
                console.print(f"{path.name}: {problem}", markup=False)
                problems += 1
    console.print(f"{len(list(DAMAGED.iterdir()))} files, {problems} problems")
    return problems
