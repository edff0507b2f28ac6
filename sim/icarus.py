"""Icarus Verilog: the emitted Verilog event by event, slow and independent."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.errors import QuantloomError
from .cache import cached, digest
from .compiler import run_tool
from .engine import Design, Job, Probe, Progress, RunResult
from .harness_run import Lines

__all__ = ["IcarusRun", "build", "icarus_version"]

_PORTS = ("aclk", "aresetn", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast",
          "m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast")  # fmt: skip


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise QuantloomError(f"{name} is not installed: install Icarus Verilog ('apt-get install "
                         "iverilog'), or use --engine verilator or cxxrtl")


def _bytes(probe: Probe) -> int:
    return -(-probe.width // 8)


def _bench(design: Design) -> dict[str, str]:
    """Generated files that the bench includes."""
    source, sink = design.probes[design.source], design.probes[design.sink]
    sizes = {"SOURCE": design.source,
             "SOURCE_BITS": 8 * _bytes(source), "SOURCE_BEATS": source.beats,
             "SINK_BITS": 8 * _bytes(sink), "SINK_BEATS": sink.beats}  # fmt: skip
    lines = [f"{design.top} dut ({', '.join(f'.{port}({port})' for port in _PORTS)});"]
    every = range(len(design.probes))
    for index, probe in enumerate(design.probes):
        payload, valid, ready = (f"dut.{wire}" for wire in probe.wires)
        lines.append(
            f"quantloom_probe #(.INDEX({index}), .WIDTH({probe.width}), .BEATS({probe.beats})) "
            f"probe_{index} (.clk(aclk), .active(aresetn), .payload({payload}), "
            f".valid({valid}), .ready({ready}));")
    for index, fifo in enumerate(design.fifos):
        lines.append(f"quantloom_level #(.INDEX({index})) level_{index} (.clk(aclk), "
                     f".active(aresetn && !complete), .level(dut.{fifo}_level));")
    lines += [
        f"wire moves = {' | '.join(f'probe_{k}.moves' for k in every)};",
        f"wire finished = {' & '.join(f'probe_{k}.finished' for k in every)};",
        f"wire [31:0] surplus = probe_{design.sink}.surplus;",
        "task report; begin",
        *(f"  probe_{k}.report;" for k in every),
        *(f"  level_{k}.report;" for k in range(len(design.fifos))),
        "end endtask",
    ]
    return {"sizes.vh": "".join(f"localparam {name} = {value};\n" for name, value in sizes.items()),
            "design.vh": "\n".join(lines) + "\n"}


@dataclass(frozen=True)
class IcarusRun:
    """A compiled bench and design."""

    design: Design
    compiled: Path

    def run(self, job: Job, on_progress: Progress | None = None) -> RunResult:
        """Simulate. The expected beats of all frames are written to files first."""
        sink = self.design.probes[self.design.sink]
        with tempfile.TemporaryDirectory(prefix="quantloom-") as folder:
            directory = Path(folder)
            self._write(job, directory)
            lines = Lines(self.design, job, on_progress)
            arguments = [f"+{name}={value}" for name, value in job.numbers().items()]
            process = subprocess.Popen(
                [_program("vvp"), "-n", str(self.compiled), *arguments], cwd=directory, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                assert process.stdout is not None
                with process.stdout:
                    for line in process.stdout:
                        lines.take(line)
                process.wait()
            finally:
                process.kill()
                process.wait()
            if process.returncode or not lines.complete:
                raise QuantloomError(f"vvp ended with status {process.returncode}: "
                                     f"{' '.join(lines.other[-5:]) or 'no message'}")
            output = (directory / "output.hex").read_text().split()
        # Undefined bits cannot be told in an array of integers; the probe has counted them.
        text = "".join(beat.translate(_DEFINED).rjust(8 * sink.words, "0") for beat in output)
        words = np.frombuffer(bytes.fromhex(text), ">u4").reshape(-1, sink.words)[:, ::-1]
        return lines.result(words.astype("<u4"))

    def _write(self, job: Job, directory: Path) -> None:
        files = [(directory / f"probe_{k}.bin").open("wb") for k in range(len(self.design.probes))]
        try:
            for frame in job.words:
                for probe, file, words in zip(self.design.probes, files, frame, strict=True):
                    file.write(_reversed(words, _bytes(probe)))
        finally:
            for file in files:
                file.close()


_DEFINED = str.maketrans("xXzZ", "0000")


def _reversed(words: np.ndarray[Any, Any], count: int) -> bytes:
    """Beats as ``count`` bytes each, most significant first, as $fread takes them."""
    raw = np.ascontiguousarray(words, "<u4").view(np.uint8)
    return np.ascontiguousarray(raw[:, :count][:, ::-1]).tobytes()


def icarus_version() -> str:
    """First line of what the compiler says of itself."""
    return run_tool([_program("iverilog"), "-V"]).splitlines()[0]


def build(design: Design, on_progress: Progress | None = None) -> IcarusRun:
    """Compile a design with Icarus Verilog, or take it from the cache.

    Parameters
    ----------
    design : Design
    on_progress : callable or None
        Called with "compile", steps done, steps in all.

    Raises
    ------
    QuantloomError
        If Icarus Verilog is missing or refuses the design.
    """
    program = _program("iverilog")
    files = _bench(design)
    files["bench.v"] = (resources.files(__package__) / "harness" / "icarus.v").read_text()
    key = digest([icarus_version(), *files.values(),
                  *(path.read_bytes() for path in design.sources)])

    def make(work: Path) -> None:
        report = on_progress or (lambda stage, done, total: None)
        for name, text in files.items():
            (work / name).write_text(text)
        report("compile", 0, 1)
        run_tool([program, "-g2012", "-s", "quantloom_bench", f"-I{work}", "-o",
                  work / "simulation.vvp", work / "bench.v",
                  *(path.resolve() for path in design.sources)])
        report("compile", 1, 1)

    return IcarusRun(design, cached("icarus", key, make) / "simulation.vvp")
