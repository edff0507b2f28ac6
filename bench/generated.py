"""Designs generated as a user would, by the command, with its time and memory."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantloom.gen.design import Design
from quantloom.gen.network.convert import inputs_to_integers
from quantloom.sim import verilator
from quantloom.sim.engine import Design as Probed
from quantloom.sim.report import Report
from quantloom.sim.simulate import simulate

from .wafer import wafer_inputs, wafer_onnx

__all__ = ["Generated", "Simulated", "compile_seconds", "generate", "simulate_generated",
           "wafer_frames", "wafer_model", "work"]


_COMMAND = "import sys; from quantloom.gen.cli import main; sys.exit(main())"


@dataclass(frozen=True, eq=False)
class Generated:
    """An output directory, and what it cost to write it: wall clock, processor, memory."""

    directory: Path
    design: Design
    summary: dict[str, Any]
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def verilog(self) -> Path:
        """The emitted file."""
        return self.directory / "rtl" / f"{self.design.network.name}.v"


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulation and its speed."""

    report: Report
    cycles_per_second: float


@functools.cache
def work() -> Path:
    """Folder of this run, removed when the process ends."""
    folder = tempfile.mkdtemp(prefix="quantloom-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def wafer_model() -> Path:
    """The wafer network's file."""
    return wafer_onnx(work() / "wafer.onnx")


@functools.cache
def generate(model: Path, name: str, *options: str) -> Generated:
    """Run ``quantloom generate``; the same call is made once a run.

    Raises
    ------
    RuntimeError
        If the command fails; the text is its message.
    """
    directory = work() / "-".join((name, *(o.strip("-") for o in options)))
    command = [sys.executable, "-c", _COMMAND, "generate", str(model), "-o", str(directory),
               "--name", name, "--json", *options]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        # A missed target is a result, not a failure.
        printed = out.read()
        if process.returncode not in (0, 1) or not printed:
            raise RuntimeError(" ".join(err.read().split())[-400:] or "quantloom generate failed")
        summary = json.loads(printed)
    # Linux counts in KiB. It is the largest process of all: the command or its Yosys.
    return Generated(directory, Design.load(directory), summary, seconds,
                     usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def compile_seconds(design: Generated) -> float:
    """Time to compile a design's Verilog in Verilator, nothing of it cached."""
    probed = Probed.of(design.design.dataflow, [design.verilog])
    saved = os.environ.get("QUANTLOOM_CACHE")
    os.environ["QUANTLOOM_CACHE"] = str(work() / f"cache-{time.monotonic_ns()}")
    try:
        start = time.monotonic()
        verilator.build(probed)
        return time.monotonic() - start
    finally:
        del os.environ["QUANTLOOM_CACHE"]
        if saved is not None:
            os.environ["QUANTLOOM_CACHE"] = saved


def simulate_generated(design: Generated, frames: np.ndarray, *, stress: bool = False) -> Simulated:
    """Simulate the Verilog of a design in Verilator, every stream compared.

    Parameters
    ----------
    design : Generated
    frames : array of int, (frames, height, width, channels)
    stress : bool
    """
    seen: list[tuple[int, float]] = []

    def note(stage: str, done: int, total: int) -> None:
        if stage == "simulate":
            seen.append((done, time.monotonic()))

    report = simulate(design.design.dataflow, design.verilog, frames, stress=stress,
                      on_progress=note)
    # From the first frame that came out to the last: without compilation and without the start.
    speed = 0.0
    if len(seen) > 1 and report.interval_cycles:
        (first, begin), (last, end) = seen[0], seen[-1]
        speed = (last - first) * report.interval_cycles / max(end - begin, 1e-6)
    return Simulated(report, speed)


def wafer_frames(design: Generated, frames: int) -> np.ndarray:
    """Wafer maps in the network's own layout."""
    return inputs_to_integers(design.design.network, wafer_inputs(frames, seed=1))
