"""``quantloom synth``: Verilog to a netlist, a placed design and a bitstream."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ...boards.target import Target
from ..design import Design
from ..errors import QuantloomError
from ..estimate.estimate import resources_json
from ..report.record import refresh
from ..synth import Top, core, shelled, synthesise
from ..synth.record import Synthesis
from .generate import open_generated
from .options import named_part, natural, positive_real
from .terminal import console, error, print_json, progress, table

__all__ = ["RESULT", "register"]

RESULT = "synthesis.json"
"""File with the result, in the folder of the target."""


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "synth", help="synthesise, place and route a design",
        description="Synthesise the Verilog of a design with Yosys; for the ECP5 place and route "
        "it too. Everything goes to OUT/build/PART; what is there already is not done again.")
    parser.add_argument("design", type=Path, metavar="OUT",
                        help="directory that 'quantloom generate' wrote")
    parser.add_argument("--part", metavar="PART", help="the accelerator alone, for this part "
                        "(default: with its shell, for the board it was generated for)")
    parser.add_argument("--clock", type=positive_real, metavar="MHZ",
                        help="clock to aim at (default: the design's)")
    parser.add_argument("--netlist", action="store_true", help="stop before place and route")
    parser.add_argument("--seed", type=natural, default=1, metavar="N",
                        help="of the placement (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if the design does not fit or misses the clock."""
    design, directory = open_generated(arguments.design)
    top, target = _top(arguments, design, directory)
    with progress("synthesising") as update:
        found = synthesise(
            design.dataflow, directory, top, target,
            clock=arguments.clock or design.clock, place=not arguments.netlist,
            seed=arguments.seed, update=lambda text: update(text=text))
    result = directory / "build" / found.target / RESULT
    result.write_text(json.dumps(found.to_json(), indent=1) + "\n")
    for note in refresh(directory, design, synthesis=found.to_json()):
        error(note)
    if arguments.json:
        print_json({"design": str(directory), **found.to_json()})
    else:
        report(found, directory)
    return 0 if found.ok else 1


def _top(arguments: argparse.Namespace, design: Design, directory: Path) -> tuple[Top, Target]:
    if arguments.part is not None:
        return core(design.dataflow, directory), Target.of_part(named_part(arguments.part))
    if (found := shelled(design.dataflow, directory)) is None:
        if design.part is not None:
            return core(design.dataflow, directory), Target.of_part(design.part)
        raise QuantloomError(f"{directory}: was generated for no part: give --part, or generate "
                             "it again with --board")
    return found


def report(found: Synthesis, directory: Path) -> None:
    """Print what synthesis showed."""
    names = {"lut": "LUT sites", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP"}
    used, there = resources_json(found.resources), resources_json(found.available)
    blocks = table("block", *(f">{name}" for name in names.values()))
    for name, resources in found.blocks.items():
        value = resources_json(resources)
        blocks.add_row(name, *(f"{value[key]:,g}" if value[key] else "" for key in names))
    blocks.add_section()
    blocks.add_row("all", *(f"{used[key]:,g}" for key in names))
    blocks.add_row(f"of {found.part}", *(f"{used[key] / there[key]:.0%}" for key in names))
    console.print(blocks)
    if found.placed is not None and found.placed.fmax is not None:
        verdict = "met" if found.placed.fmax >= found.clock else "[bold red]missed[/]"
        console.print(f"\nclock: {found.placed.fmax:g} MHz after place and route; "
                      f"{found.clock:g} MHz {verdict}")
        path = found.placed.blocks(frozenset(found.blocks))
        console.print("slowest path: " + ", ".join(
            f"{delay:.2f} ns in {name or 'the top'}" for name, delay in path.items()))
    for note in found.notes:
        console.print(note, markup=False)
    took = ", ".join(f"{stage} {seconds:,.0f} s" for stage, seconds in found.seconds.items())
    console.print(f"{', '.join(found.tools)} ({took})", markup=False)
    for what, name in found.files.items():
        if what in ("netlist", "bitstream"):
            console.print(f"{what}: {directory / name}", markup=False)
