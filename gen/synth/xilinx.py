"""Synthesis for the 7-series."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...boards.target import Pin
from ...rtl_templates.resources import Resources
from . import xilinx_place
from .constraints import xdc
from .family import Job, Placement
from .netlist import FLIP_FLOPS, Netlist

__all__ = ["Xilinx7"]


class Xilinx7:
    """See :class:`.Family`."""

    name, constraints_suffix, wraps = "xc7", "xdc", False
    placers = "openXC7's tools: CHIPDB holds <die>.bin, PRJXRAY_DB_DIR prjxray's database"

    def script(self, sources: Sequence[str], top: str, *, pads: bool) -> list[str]:
        return [
            *(f"read_verilog -sv {name}" for name in sources),
            "synth_xilinx -flatten -abc9 -family xc7 " + ("" if pads else "-noiopad ")
            + f"-top {top}",
            f"write_verilog -noattr {top}_netlist.v",
            f"write_json {top}.json",
        ]

    def count(self, netlist: Netlist, only: Collection[str] | None = None) -> Resources:
        kinds = netlist.types if only is None else netlist.kinds(only)
        return Resources(lut=netlist.sites(only).total, ff=sum(kinds[name] for name in FLIP_FLOPS),
                         bram18=2 * kinds["RAMB36E1"] + kinds["RAMB18E1"], dsp=kinds["DSP48E1"])

    def constraints(self, pins: Sequence[Pin], clocks: Mapping[str, float]) -> str:
        return xdc(pins, clocks)

    def placement(self, job: Job) -> Placement:
        return xilinx_place.placement(job)

    def recipe(self, job: Job) -> str:
        return xilinx_place.recipe(job)
