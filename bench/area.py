"""Synthesis of Verilog for 7-series parts, and what the netlist occupies.

Netlists are cached under a hash of the source and of the Yosys that made them, so a block that
has not changed costs nothing.

    python -m bench.area design/rtl/wafer.v --top wafer
    python -m bench.area design/rtl/wafer.v --each
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantloom.gen.synth.netlist import Netlist
from quantloom.gen.yosys import run_yosys, yosys_version
from quantloom.sim.cache import cache_root

__all__ = ["Area", "area", "blocks_of", "breakdown", "modules_of", "netlist_of", "yosys_version"]

_SYNTH = "synth_xilinx -flatten -abc9 -family xc7 -noiopad -top {top}"
_MODULE = re.compile(r"^module (\w+)\b.*?^endmodule$", re.M | re.S)
_INSTANCE = re.compile(r"^  (\w+) \w+ \($", re.M)


@dataclass(frozen=True)
class Area:
    """What a design occupies.

    Parameters
    ----------
    sites : int
        LUT sites, memories included; see :meth:`quantloom.gen.synth.netlist.Netlist.sites`.
    lut_sites, carry_sites, memory_sites : int
        Their parts.
    lc_estimate : int
        What ``stat`` of Yosys estimates.
    ff, carry4, muxf, dsp : int
    bram36 : float
        Block RAMs; half of one is a RAMB18.
    bram18_cells, bram36_cells : int
    levels : int
        LUTs between registers beside one carry chain.
    depth : str
        Longest paths between registers.
    seconds : float
        Time of the synthesis, when it was run.
    """

    sites: int
    lut_sites: int
    carry_sites: int
    memory_sites: int
    lc_estimate: int
    ff: int
    carry4: int
    muxf: int
    dsp: int
    bram36: float
    bram18_cells: int
    bram36_cells: int
    levels: int
    depth: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def modules_of(verilog: str, top: str) -> str:
    """The modules that a module needs, itself included, in file order.

    Raises
    ------
    ValueError
        If the source has no such module.
    """
    bodies = {match[1]: match[0] for match in _MODULE.finditer(verilog)}
    if top not in bodies:
        raise ValueError(f"top must be one of {', '.join(sorted(bodies))}, not {top!r}")
    needed, todo = {top}, [top]
    while todo:
        for name in _INSTANCE.findall(bodies[todo.pop()]):
            if name in bodies and name not in needed:
                needed.add(name)
                todo.append(name)
    return "\n".join(bodies[name] for name in bodies if name in needed) + "\n"


def blocks_of(verilog: str, top: str) -> list[str]:
    """Modules that a module instantiates, in file order."""
    bodies = {match[1]: match[0] for match in _MODULE.finditer(verilog)}
    used = set(_INSTANCE.findall(bodies[top]))
    return [name for name in bodies if name in used]


def netlist_of(verilog: str, top: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Netlist of a module in Yosys's JSON, and notes on the synthesis.

    Parameters
    ----------
    verilog : str
        Source text that has the module and those below it.
    top : str

    Returns
    -------
    netlist : dict
    notes : dict
        ``lc_estimate`` and ``seconds``.
    """
    source = modules_of(verilog, top)
    script = ["read_verilog -sv design.v", _SYNTH.format(top=top), "stat -tech xilinx",
              "write_json netlist.json"]
    key = hashlib.sha256(json.dumps([source, script, yosys_version()]).encode()).hexdigest()[:24]
    entry = cache_root() / "bench" / f"{key}.json.gz"
    if not entry.is_file():
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            (directory / "design.v").write_text(source)
            start = time.monotonic()
            log = run_yosys(script, directory=directory)
            seconds = time.monotonic() - start
            cells = re.findall(r"Estimated number of LCs:\s+(\d+)", log)
            notes = {"lc_estimate": int(cells[-1]) if cells else 0, "seconds": round(seconds, 1)}
            packed = directory / "entry"
            with gzip.open(packed, "wt", compresslevel=3) as file:
                file.write(json.dumps(notes) + "\n")
                with (directory / "netlist.json").open() as netlist:
                    shutil.copyfileobj(netlist, file)
            entry.parent.mkdir(parents=True, exist_ok=True)
            part = entry.with_suffix(".part")
            shutil.copyfile(packed, part)
            part.replace(entry)
    with gzip.open(entry, "rt") as file:
        notes = json.loads(file.readline())
        return json.loads(file.read()), notes


def area(verilog: str, top: str) -> Area:
    """Synthesise a module and count what it occupies."""
    data, notes = netlist_of(verilog, top)
    netlist = Netlist(data)
    sites, types, depth = netlist.sites(), netlist.types, netlist.depth()
    return Area(
        sites=sites.total, lut_sites=sites.lut, carry_sites=sites.carry,
        memory_sites=sites.memory, lc_estimate=notes["lc_estimate"], ff=netlist.flip_flops,
        carry4=types["CARRY4"], muxf=types["MUXF7"] + types["MUXF8"], dsp=types["DSP48E1"],
        bram36=netlist.bram36, bram18_cells=types["RAMB18E1"], bram36_cells=types["RAMB36E1"],
        levels=depth.levels, depth=str(depth), seconds=notes["seconds"])


def breakdown(verilog: str, top: str, *, log: bool = False) -> dict[str, Area]:
    """Area of each block of a design, synthesised alone."""
    result = {}
    for name in blocks_of(verilog, top):
        result[name] = area(verilog, name)
        if log:
            found = result[name]
            print(f"{name}: {found.sites} sites, {found.ff} FF, {found.bram36:g} BRAM36, "
                  f"{found.seconds:.0f} s", file=sys.stderr, flush=True)
    return result


_COLUMNS = ("sites", "lut_sites", "carry_sites", "memory_sites", "lc_estimate", "ff", "carry4",
            "muxf", "dsp", "bram36", "depth")


def table(areas: dict[str, Area], columns: Sequence[str] = _COLUMNS) -> str:
    """Markdown table of areas and their sum."""
    lines = ["| block | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, found in areas.items():
        cells = [f"{value:g}" if isinstance(value := getattr(found, c), float) else str(value)
                 for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    sums = [f"{sum(getattr(a, c) for a in areas.values()):g}" if c != "depth" else ""
            for c in columns]
    lines.append("| **sum** | " + " | ".join(sums) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.area", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verilog", type=Path, help="file that Quantloom emitted")
    parser.add_argument("--top", help="module to synthesise (default: the file's first)")
    parser.add_argument("--each", action="store_true", help="each block of the module alone")
    arguments = parser.parse_args()
    verilog = arguments.verilog.read_text()
    first = _MODULE.search(verilog)
    top = arguments.top or (first[1] if first else "")
    if arguments.each:
        print(table(breakdown(verilog, top, log=True)))
    else:
        print(table({top: area(verilog, top)}))


if __name__ == "__main__":
    main()
