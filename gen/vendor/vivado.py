"""Scripts for Vivado: the accelerator out of context, and a whole board."""

from __future__ import annotations

import json
from pathlib import Path

from ...boards.parts import PARTS, Part
from ...boards.target import Target
from ..design import Design
from ..synth.tops import shelled

__all__ = ["write_vivado"]

DEFAULT_PART = PARTS["XC7Z020"]
"""Where neither a part nor a board is known."""

_PACKAGES = {"XC7A35T": "cpg236", "XC7A100T": "csg324", "XC7Z015": "clg485", "XC7Z030": "fbg484",
             "XC7Z035": "fbg676", "XC7Z045": "ffg900", "XC7Z100": "ffg900"}
"""A common package of a part, where it is not clg400."""

_REPORTS = """\
report_utilization -hierarchical -file utilisation.rpt
report_timing_summary -file timing.rpt
"""


def write_vivado(design: Design, directory: Path, part: Part | None) -> None:
    """Write ``vivado/out_of_context.tcl``, and ``vivado/board.tcl`` where there is a shell.

    Parameters
    ----------
    design : Design
    directory : Path
        Output directory, with a shell or without.
    part : Part or None
        What the design is for.
    """
    folder = directory / "vivado"
    folder.mkdir()
    around = shelled(design.dataflow, directory)
    device = _ordered(Target.of_part(part or DEFAULT_PART) if around is None else around[1])
    name, period = design.dataflow.name, 1000 / design.clock
    (folder / "out_of_context.tcl").write_text(f"""\
# The accelerator alone, placed and routed out of context: vivado -mode batch -source THIS
# Run in an empty folder; reports and checkpoint go there.
set here [file dirname [file normalize [info script]]]
create_project -in_memory -part {device}
read_verilog $here/../rtl/{name}.v
synth_design -top {name} -mode out_of_context
create_clock -name aclk -period {period:.3f} [get_ports aclk]
opt_design
place_design
route_design
{_REPORTS}write_checkpoint -force {name}.dcp
""")
    shell = _shell(directory)
    if shell is None or shell["shell"] != "zynq":
        return
    top = shell["top"]
    (folder / "board.tcl").write_text(f"""\
# The whole bitstream, processor included: vivado -mode batch -source THIS
# Run in an empty folder; reports and bitstream go there.
set here [file dirname [file normalize [info script]]]
create_project -in_memory -part {device}
read_verilog [list $here/../rtl/{name}.v $here/../rtl/{top}.v]
synth_design -top {top}
create_clock -name fclk0 -period {period:.3f} [get_pins -hierarchical processor/FCLKCLK[0]]
opt_design
place_design
route_design
{_REPORTS}write_bitstream -force {top}.bit
""")


def _shell(directory: Path) -> dict[str, str] | None:
    file = directory / "shell" / "registers.json"
    return json.loads(file.read_text()) if file.is_file() else None


def _ordered(target: Target) -> str:
    """Ordering code: that of the board, or a common one of the part."""
    name = target.part.name
    return (f"{name.lower()}{target.package or _PACKAGES.get(name, 'clg400')}"
            f"-{target.speed or '1'}")
