"""Place and route on an ECP5, and the bitstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from .record import PathStep, Placed
from .tools import find_ecp5

__all__ = ["Ecp5Device", "place"]

# What nextpnr and amaranth-boards call the same things.
_SIZES = {"LFE5U-12F": "--12k", "LFE5U-25F": "--25k", "LFE5U-45F": "--45k", "LFE5U-85F": "--85k"}
_PACKAGES = {"BG256": "CABGA256", "MG285": "CSFBGA285", "BG381": "CABGA381", "BG554": "CABGA554",
             "BG756": "CABGA756"}


@dataclass(frozen=True)
class Ecp5Device:
    """A part in a package.

    Parameters
    ----------
    part : str
    package : str
        As amaranth-boards names it.
    speed : str
        Grade: 6, 7 or 8.
    """

    part: str
    package: str = "BG381"
    speed: str = "6"

    def options(self) -> list[str]:
        """Options of nextpnr-ecp5.

        Raises
        ------
        QuantloomError
            If it does not know such a part.
        """
        for value, known in ((self.part, _SIZES), (self.package, _PACKAGES)):
            if value not in known:
                raise QuantloomError(f"{value}: nextpnr-ecp5 takes {', '.join(known)}")
        return [_SIZES[self.part], "--package", _PACKAGES[self.package], "--speed", self.speed]


def place(directory: Path, netlist: str, device: Ecp5Device, *, mhz: float, seed: int,
          constraints: str | None, bitstream: str | None) -> Placed:
    """Place and route a netlist, and write the bitstream if one is asked for.

    Parameters
    ----------
    directory : Path
        Holds the files, and receives the others.
    netlist : str
        In Yosys's JSON.
    device : Ecp5Device
    mhz : float
        Clock that is aimed at; missing it is no error.
    seed : int
    constraints : str or None
        LPF file; without one the ports may be anywhere.
    bitstream : str or None
        File to write.
    """
    nextpnr = find_ecp5("nextpnr-ecp5")
    config = "routed.config"
    arguments = [*device.options(), "--json", netlist, "--freq", f"{mhz:g}", "--seed", str(seed),
                 "--report", "timing.json", "--timing-allow-fail", "--textcfg", config]
    arguments += ["--lpf", constraints] if constraints else ["--lpf-allow-unconstrained"]
    nextpnr.run(arguments, directory=directory, log=directory / "nextpnr.log")
    tools = [str(nextpnr)]
    if bitstream is not None:
        pack = find_ecp5("ecppack")
        pack.run(["--compress", config, bitstream], directory=directory,
                 log=directory / "ecppack.log")
        tools.append(str(pack))
    report = json.loads((directory / "timing.json").read_text())
    return Placed(_slowest_clock(report), mhz, _critical_path(report),
                  {kind: (int(entry["used"]), int(entry["available"]))
                   for kind, entry in report["utilization"].items() if entry["used"]},
                  tuple(tools))


def _slowest_clock(report: Mapping[str, Any]) -> float | None:
    clocks = [float(clock["achieved"]) for clock in report.get("fmax", {}).values()]
    return round(min(clocks), 1) if clocks else None


def _critical_path(report: Mapping[str, Any]) -> tuple[PathStep, ...]:
    """The longest path within a clock, step by step."""
    inside = [path for path in report.get("critical_paths", [])
              if path["from"] == path["to"] and path["from"].startswith("posedge")]
    if not inside:
        return ()
    longest = max(inside, key=lambda path: sum(step["delay"] for step in path["path"]))
    return tuple(PathStep(str(step["net"] if step["type"] == "routing" else step["to"]["cell"]),
                          "wires" if step["type"] == "routing" else "logic",
                          round(float(step["delay"]), 3)) for step in longest["path"])
