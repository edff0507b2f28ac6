"""From a design's Verilog to a netlist, and on to a placed design and a bitstream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...boards.parts import Part
from ...boards.target import Target
from ...rtl_templates.resources import Resources
from ...rtl_templates.top import tdata_width
from ..dataflow.graph import Dataflow
from ..errors import TargetError
from ..yosys import run_yosys, yosys_version
from .attribution import blocks_of_cells
from .ecp5 import Ecp5
from .family import Family, Job, NotPlaced, place_script
from .netlist import Netlist
from .record import Placed, Synthesis
from .stages import Stages
from .tops import Top
from .wrapper import WRAPPER, wrapper_rtlil
from .xilinx import Xilinx7

__all__ = ["available", "family_of", "synthesise"]

Update = Callable[[str], None]

AROUND = "shell"
"""Stands among the blocks for all that is around the accelerator."""


def family_of(part: Part) -> Family:
    """How parts like this one are synthesised."""
    return Ecp5() if part.architecture == "ecp5" else Xilinx7()


def available(part: Part) -> Resources:
    """All that a part has."""
    return Resources(lut=part.luts, ff=part.ffs, bram18=round(2 * part.bram36), dsp=part.dsp)


def synthesise(dataflow: Dataflow, out: Path, top: Top, target: Target, *, clock: float = 100.0,
               place: bool = True, seed: int = 1,
               update: Update = lambda _: None) -> Synthesis:
    """Synthesise, and place, route and write a bitstream where that is possible.

    Everything goes to ``build/<part or board>`` in the design's directory. What an earlier run
    finished of the same inputs is not done again.

    Parameters
    ----------
    dataflow : Dataflow
    out : Path
        The design's directory.
    top : Top
    target : Target
        Without pins there is no bitstream.
    clock : float
        In MHz, aimed at.
    place : bool
        False: the netlist alone.
    seed : int
        Of placement.
    update : callable
        Is told what is being done.

    Raises
    ------
    TargetError
        If the netlist does not fit the part; it is there nevertheless.
    QuantloomError
        If a tool is missing or fails.
    """
    return _Run(dataflow, out, top, target, clock, seed, place, update).run()


class _Run:
    def __init__(self, dataflow: Dataflow, out: Path, top: Top, target: Target, clock: float,
                 seed: int, place: bool, update: Update):
        self.dataflow, self.out, self.top, self.target = dataflow, out, top, target
        self.clock, self.seed, self.place, self.update = clock, seed, place, update
        self.family = family_of(target.part)
        self.directory = out / "build" / target.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.stages = Stages(self.directory)
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        self.wrapped = place and self.family.wraps and not target.pinned
        self.name = WRAPPER if self.wrapped else top.name

    def run(self) -> Synthesis:
        netlist = self._netlist()
        total, room = self.family.count(netlist), available(self.target.part)
        if self.place and not total.fits(room):
            raise TargetError(self._too_large(total, room))
        files = {"netlist": self._file(f"{self.name}_netlist.v"),
                 "json": self._file(f"{self.name}.json"), "log": self._file("synth.log"),
                 "script": self._file("synth.ys")}
        placed = self._place(files) if self.place else None
        return Synthesis(
            self.target.name, self.target.part.name, self.top.name, total,
            {name: self.family.count(netlist, found)
             for name, found in self._cells(netlist).items()}, room,
            self.clock, placed, files.get("bitstream"), files,
            (yosys_version(), *(placed.tools if placed else ())), self.seconds, tuple(self.notes))

    def _file(self, name: str) -> str:
        return (self.directory / name).relative_to(self.out).as_posix()

    def _cells(self, netlist: Netlist) -> dict[str, list[str]]:
        """Cells by block, and those around the accelerator."""
        prefix = ("block." if self.wrapped else "") + (self.top.core + "." if self.top.core else "")
        owners = blocks_of_cells(netlist, frozenset(self.dataflow.blocks), prefix)
        cells: dict[str, list[str]] = {name: [] for name in self.dataflow.blocks}
        for cell, block in owners.items():
            cells[block].append(cell)
        if self.top.core:
            cells[AROUND] = [cell for cell in netlist.cells if cell not in owners]
        return cells

    def _netlist(self) -> Netlist:
        self.update("synthesising (Yosys)")
        sources = list(self.top.sources)
        names = [f"../../{path.relative_to(self.out).as_posix()}" for path in sources]
        script = self.family.script(names, self.name, pads=self.target.pinned)
        if self.wrapped:
            text = wrapper_rtlil(self.top.name, self._ports(), "aclk")
            (self.directory / "wrapper.il").write_text(text)
            sources.append(self.directory / "wrapper.il")
            script.insert(len(names), "read_rtlil wrapper.il")
        (self.directory / "synth.ys").write_text("\n".join(script) + "\n")
        result = self.directory / f"{self.name}.json"
        self.seconds["synthesis"] = self.stages.run(
            "synthesis",
            lambda: run_yosys(script, directory=self.directory, log=self.directory / "synth.log"),
            inputs=sources, outputs=[result, self.directory / f"{self.name}_netlist.v"],
            settings=[*script, yosys_version()])
        return Netlist.read(result)

    def _ports(self) -> dict[str, tuple[str, int]]:
        """Ports of the accelerator."""
        ports = {"aclk": ("input", 1), "aresetn": ("input", 1)}
        for name, stream, (there, back) in (
                ("s_axis", self.dataflow.input, ("input", "output")),
                ("m_axis", self.dataflow.output, ("output", "input"))):
            ports |= {f"{name}_tdata": (there, tdata_width(self.dataflow.streams[stream].shape)),
                      f"{name}_tvalid": (there, 1), f"{name}_tready": (back, 1),
                      f"{name}_tlast": (there, 1)}
        return ports

    def _too_large(self, used: Resources, room: Resources) -> str:
        rows = (("LUT sites", used.lut, room.lut), ("FF", used.ff, room.ff),
                ("BRAM36", used.bram18 / 2, room.bram18 / 2), ("DSP", used.dsp, room.dsp))
        short = ", ".join(f"{n:,g} {name} of {there:,g}" for name, n, there in rows if n > there)
        return (f"{self.dataflow.name} does not fit {self.target.title}: its netlist takes "
                f"{short}. Generate it again with --part, or for fewer frames a second; "
                f"the netlist is in {self.directory}")

    def _place(self, files: dict[str, str]) -> Placed | None:
        """Place and route; what it writes is added to the files."""
        self.update("placing and routing")
        family = self.family
        constraints = f"{self.top.name}.{family.constraints_suffix}"
        job = Job(self.directory, self.top.name, f"{self.name}.json", constraints, self.target,
                  self.clock, self.seed)
        inputs = [self.directory / job.netlist]
        if not self.wrapped:
            clocks = self.top.clocks or {"aclk": self.clock}
            inputs.append(self.directory / constraints)
            inputs[-1].write_text(family.constraints(self.top.pins, clocks))
            files["constraints"] = self._file(constraints)
        (self.directory / "place.sh").write_text(place_script(family, job))
        files["place"] = self._file("place.sh")
        try:
            placement = family.placement(job)
        except NotPlaced as reason:
            self.notes.append(f"not placed: {reason}. The constraints and the script for it are "
                              f"{files['constraints']} and {files['place']}")
            return None
        if placement.note:
            self.notes.append(placement.note)
        result = self.directory / "placed.json"
        outputs = [result]
        if placement.bitstream is not None:
            files["bitstream"] = self._file(placement.bitstream)
            outputs.append(self.directory / placement.bitstream)
        self.seconds["place and route"] = self.stages.run(
            "place", lambda: placement.work().save(result),
            inputs=inputs, outputs=outputs, settings=placement.settings)
        return Placed.load(result)
