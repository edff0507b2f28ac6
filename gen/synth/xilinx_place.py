"""Place and route on a 7-series part with openXC7's tools, where they are installed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...boards.target import Target
from .family import Job, NotPlaced, Placement
from .record import Placed
from .tools import Tool, ToolError, find_program

__all__ = ["Xilinx7Device", "find_tools", "placement", "recipe"]

REMEDY = ("install openXC7 (https://github.com/openXC7), whose toolchain brings nextpnr-xilinx, "
          "fasm2frames and xc7frames2bit")

CHIPDB, DATABASE = "CHIPDB", "PRJXRAY_DB_DIR"
"""Environment variables with the folders of the chip databases, as openXC7's examples use them."""

_DATABASES = {"xc7a": "artix7", "xc7k": "kintex7", "xc7s": "spartan7", "xc7z": "zynq7"}


@dataclass(frozen=True)
class Xilinx7Device:
    """A part in a package, as the databases name it.

    Parameters
    ----------
    part : str
    package : str
    speed : str
        Grade, without the dash.
    """

    part: str
    package: str
    speed: str

    @classmethod
    def of(cls, target: Target) -> Xilinx7Device:
        """That of a target; some package and grade where it has none."""
        return cls(target.part.name, target.package or "clg400", target.speed or "1")

    @property
    def die(self) -> str:
        """Name of the chip database: part and package."""
        return f"{self.part.lower()}{self.package}"

    @property
    def ordered(self) -> str:
        """Ordering code in small letters."""
        return f"{self.die}-{self.speed}"

    @property
    def database(self) -> str:
        """Folder of the part's family in prjxray's database."""
        return _DATABASES[self.part.lower()[:4]]


def _commands(job: Job, chipdb: str, database: str) -> dict[str, list[str]]:
    device, name = Xilinx7Device.of(job.target), job.name
    family = f"{database}/{device.database}"
    return {
        "nextpnr-xilinx": ["--chipdb", f"{chipdb}/{device.die}.bin", "--xdc", job.constraints,
                           "--json", job.netlist, "--fasm", f"{name}.fasm", "--seed",
                           str(job.seed), "--timing-allow-fail"],
        "fasm2frames": ["--part", device.ordered, "--db-root", family, f"{name}.fasm"],
        "xc7frames2bit": ["--part_file", f"{family}/{device.ordered}/part.yaml", "--part_name",
                          device.ordered, "--frm_file", f"{name}.frames", "--output_file",
                          f"{name}.bit"],
    }


def recipe(job: Job) -> str:
    """See :meth:`.Family.recipe`."""
    lines = []
    for tool, arguments in _commands(job, f"${CHIPDB}", f"${DATABASE}").items():
        line = " ".join([tool, *(a if "$" in a else shlex.quote(a) for a in arguments)])
        lines.append(line + (f" > {job.name}.frames" if tool == "fasm2frames" else ""))
    return "\n".join(lines) + "\n"


def placement(job: Job) -> Placement:
    """See :meth:`.Family.placement`."""
    if not job.target.pinned:
        raise NotPlaced("a part without a board has no pins; generate the design with --board")
    try:
        tools = find_tools(Xilinx7Device.of(job.target))
    except ToolError as problem:
        raise NotPlaced(str(problem)) from None
    return Placement(lambda: _place(job, tools), f"{job.name}.bit",
                     (*map(str, tools.values()), Xilinx7Device.of(job.target).ordered,
                      str(job.seed)))


def find_tools(device: Xilinx7Device,
               environment: Mapping[str, str] = os.environ) -> dict[str, Tool]:
    """The three tools, with the databases of a part.

    Raises
    ------
    ToolError
        If one is missing; the text says what to install or set.
    """
    tools = {name: find_program(name, REMEDY)
             for name in ("nextpnr-xilinx", "fasm2frames", "xc7frames2bit")}
    needed = {CHIPDB: f"{device.die}.bin", DATABASE: f"{device.database}/{device.ordered}"}
    for variable, name in needed.items():
        folder = environment.get(variable)
        if not folder:
            raise ToolError(f"{variable} is not set: it must name the folder that holds {name}")
        if not (Path(folder) / name).exists():
            raise ToolError(f"{folder}/{name} is not there: {variable} must name the folder that "
                            "holds it; openXC7 makes it with bbaexport and bbasm"
                            if variable == CHIPDB else
                            f"{folder}/{name} is not there: {variable} must name the folder of "
                            "prjxray's database")
    return tools


def _place(job: Job, tools: Mapping[str, Tool]) -> Placed:
    directory = job.directory
    for tool, arguments in _commands(job, os.environ[CHIPDB], os.environ[DATABASE]).items():
        frames = directory / f"{job.name}.frames" if tool == "fasm2frames" else None
        tools[tool].run(arguments, directory=directory, log=directory / f"{tool}.log",
                        output=frames)
    log = (directory / "nextpnr-xilinx.log").read_text(errors="replace")
    return Placed(_fmax(log), job.clock, (), _used(log), tuple(map(str, tools.values())))


def _fmax(log: str) -> float | None:
    """The slowest clock after routing: the last figure of each clock counts."""
    found = dict(re.findall(r"Max frequency for clock\s+'([^']+)':\s+([\d.]+) MHz", log))
    return min(map(float, found.values()), default=None)


def _used(log: str) -> dict[str, tuple[int, int]]:
    rows = re.findall(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", log, re.M)
    return {kind: (int(used), int(there)) for kind, used, there in rows if int(used)}
