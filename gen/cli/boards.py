"""``quantloom boards``: the parts that a design can be made for."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ...boards.parts import PARTS
from .terminal import console, print_json, table

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "boards", help="list the parts that --part knows",
        description="List the parts that a design can be made for, and what they hold.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.json:
        print_json({"parts": [asdict(part) for part in PARTS.values()]})
        return 0
    rows = table("part", "family", ">LUTs", ">as memory", ">FFs", ">BRAM36", ">DSP")
    for part in PARTS.values():
        rows.add_row(part.name, part.family, *(f"{number:,}" for number in (
            part.luts, part.lutram_luts, part.ffs, part.bram36, part.dsp)))
    console.print(rows)
    return 0
