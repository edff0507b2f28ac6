"""Synthesis for the ECP5."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...boards.target import Pin
from ...rtl_templates.resources import Resources
from . import ecp5_place
from .constraints import lpf
from .family import Job, Placement
from .netlist import Netlist

__all__ = ["Ecp5"]

# LUT4s of a cell, as nextpnr counts them: a carry cell adds two bits, and a memory of 16 words of
# 4 bits takes four, and two more whose inputs its write port needs.
_LUT4 = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}


class Ecp5:
    """See :class:`.Family`. A LUT site is a LUT4, ``bram18`` counts DP16KD, ``dsp`` MULT18X18D."""

    name, constraints_suffix, wraps = "ecp5", "lpf", True
    placers = "nextpnr-ecp5 and ecppack, or what NEXTPNR_ECP5 and ECPPACK name"

    def script(self, sources: Sequence[str], top: str, *, pads: bool) -> list[str]:
        """Of Yosys's own scripts for mapping, flow3 gives the shortest paths."""
        return [
            *(f"read_verilog -sv {name}" for name in sources),
            "scratchpad -copy abc9.script.flow3 abc9.script",
            f"synth_ecp5 -abc9 -top {top}",
            f"write_verilog -noattr {top}_netlist.v",
            f"write_json {top}.json",
        ]

    def count(self, netlist: Netlist, only: Collection[str] | None = None) -> Resources:
        kinds = netlist.types if only is None else netlist.kinds(only)
        return Resources(lut=sum(n * kinds[kind] for kind, n in _LUT4.items()),
                         ff=kinds["TRELLIS_FF"], bram18=kinds["DP16KD"],
                         dsp=kinds["MULT18X18D"])

    def constraints(self, pins: Sequence[Pin], clocks: Mapping[str, float]) -> str:
        return lpf(pins, clocks)

    def placement(self, job: Job) -> Placement:
        return ecp5_place.placement(job)

    def recipe(self, job: Job) -> str:
        return ecp5_place.recipe(job)
