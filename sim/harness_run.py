"""The compiled test bench: its sources, its run, its report."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..gen.errors import QuantloomError
from .engine import Design, Job, ProbeResult, Progress, RunResult

__all__ = ["Compiled", "Lines", "design_header", "harness_files"]


class Lines:
    """The report of a test bench, line by line.

    Each line is a keyword and numbers: ``first_in``, ``last_in`` and ``last_out`` frame, cycle
    of the frame's first and last input beat and of its last output beat; ``probe`` index, beats,
    mismatches, first mismatch, its words got and expected in hexadecimal or ``-``; ``state``
    index, valid, ready; ``fifo`` index, mark, cycles of a stretch, the most that it held in each
    stretch; ``tlast`` errors, first; ``surplus`` beats;
    ``end`` cycles, stuck.
    """

    def __init__(self, design: Design, job: Job, on_progress: Progress | None):
        self.design, self.job, self.on_progress = design, job, on_progress
        self._stamps = {event: np.full(job.frames, -1, np.int64)
                        for event in ("first_in", "last_in", "last_out")}
        self._shown = 0.0
        self._seen: dict[str, dict[int, list[str]]] = {"probe": {}, "state": {}, "fifo": {}}
        self._single: dict[str, list[str]] = {}
        self.other: list[str] = []

    def take(self, line: str) -> None:
        """Read one line."""
        keyword, *fields = line.split() or [""]
        if keyword in self._stamps:
            frame, cycle = int(fields[0]), int(fields[1])
            self._stamps[keyword][frame] = cycle
            if keyword == "last_out":
                self._progress(frame + 1)
        elif keyword in self._seen:
            self._seen[keyword][int(fields[0])] = fields[1:]
        elif keyword in ("tlast", "surplus", "end"):
            self._single[keyword] = fields
        elif keyword:
            self.other.append(line)

    def _progress(self, frames: int) -> None:
        now = time.monotonic()
        if self.on_progress is not None and (now - self._shown > 0.05 or frames == self.job.frames):
            self._shown = now
            self.on_progress("simulate", frames, self.job.frames)

    @property
    def complete(self) -> bool:
        """The last line has been read."""
        return "end" in self._single

    def result(self, output: np.ndarray[Any, Any]) -> RunResult:
        """The whole report and the output words as a result."""
        design = self.design
        probes = []
        for index in range(len(design.probes)):
            beats, bad, first, got, expected = self._seen["probe"][index]
            valid, ready = self._seen["state"][index]
            differs = int(bad) > 0
            probes.append(ProbeResult(
                int(beats), int(bad), int(first) if differs else None,
                _number(got) if differs else None, _number(expected) if differs else None,
                valid == "1", ready == "1"))
        sink = design.probes[design.sink]
        fifos = {name: [int(text) for text in self._seen["fifo"][k]]
                 for k, name in enumerate(design.fifos)}
        return RunResult(
            frames=probes[design.sink].beats // sink.beats,
            cycles=int(self._single["end"][0]),
            **self._stamps,
            output=output.reshape(-1, sink.words),
            probes=tuple(probes), fifo_marks={name: row[0] for name, row in fifos.items()},
            fifo_levels={name: (row[1], tuple(row[2:])) for name, row in fifos.items()},
            tlast_errors=int(self._single["tlast"][0]), tlast_first=int(self._single["tlast"][1]),
            surplus=int(self._single["surplus"][0]), stuck=self._single["end"][1] == "1",
        )  # fmt: skip


def _number(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:  # undefined bits
        return None


@dataclass(frozen=True)
class Compiled:
    """A compiled harness and model."""

    design: Design
    program: Path

    def run(self, job: Job, on_progress: Progress | None = None) -> RunResult:
        """Simulate.

        The expected words go through the program's standard input: frames are packed while it
        runs, and it takes them as it goes, so memory does not grow with their number.
        """
        with tempfile.TemporaryDirectory(prefix="quantloom-") as folder:
            output = Path(folder) / "output.bin"
            numbers = job.numbers()
            arguments = [numbers[name] for name in ("frames", "gap_seed", "stall_seed", "gaps",
                                                    "stalls", "burst", "idle_limit")]
            if (job.trace is not None) != self.design.traced:
                raise ValueError("a traced design, and only one, runs with a Trace")
            trace = job.trace and (job.trace.first, job.trace.end, job.trace.saif)
            lines = Lines(self.design, job, on_progress)

            def feed(pipe: IO[bytes]) -> None:
                for frame in job.words:
                    for words in frame:
                        pipe.write(words.data)

            _converse([str(self.program), *map(str, (*arguments, output, *(trace or ())))],
                      feed, lines)
            return lines.result(np.fromfile(output, "<u4"))


def harness_files(adapter: str) -> dict[str, str]:
    """Sources of the harness, the adapter under the name that the harness includes."""
    folder = resources.files(__package__) / "harness"
    return {"harness.cpp": (folder / "harness.cpp").read_text(),
            "model.h": (folder / f"{adapter}.h").read_text()}


def design_header(design: Design, member: Callable[[str], str], extra: str = "") -> str:
    """The generated header: sizes and lists of the streams and FIFOs.

    Parameters
    ----------
    design : Design
    member : callable
        C++ name of a wire of the top module.
    extra : str
        Further lines.
    """
    probes = [f"  PROBE({index}, {', '.join(map(member, probe.wires))}, {probe.words}, "
              f"{probe.beats})" for index, probe in enumerate(design.probes)]
    fifos = [f"  FIFO({index}, {member(f'{name}_level')})"
             for index, name in enumerate(design.fifos)]
    lines = ["#pragma once", extra,
             f"#define DESIGN_SOURCE {design.source}", f"#define DESIGN_SINK {design.sink}",
             f"#define DESIGN_FIFO_COUNT {len(design.fifos)}",
             " \\\n".join(["#define DESIGN_PROBES(PROBE)", *probes]),
             " \\\n".join(["#define DESIGN_FIFOS(FIFO)", *fifos])]  # fmt: skip
    return "\n".join(lines) + "\n"


def _converse(command: Sequence[str], feed: Callable[[IO[bytes]], None], lines: Lines) -> None:
    """Run a program that is fed from a thread of its own while its report is read."""
    failure: list[BaseException] = []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None and stdout is not None and stderr is not None

    def feeder() -> None:
        try:
            with stdin:
                feed(stdin)
        except BrokenPipeError:
            pass  # the program has ended, its report says how
        except BaseException as error:
            failure.append(error)
            process.kill()

    thread = threading.Thread(target=feeder, daemon=True)
    thread.start()
    try:
        for line in stdout:
            lines.take(line.decode())
        message = stderr.read().decode(errors="replace").strip()
        process.wait()
    finally:
        process.kill()
        process.wait()
        stdout.close()
        stderr.close()
        thread.join()
    if failure:
        raise failure[0]
    if process.returncode or not lines.complete:
        raise QuantloomError(f"the simulation ended with status {process.returncode}: "
                             f"{message or 'no message'}")
