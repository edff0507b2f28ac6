"""``quantloom boards``: the boards and parts that a design can be made for."""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields
from typing import Any

from ...boards.board import BOARDS
from ...boards.parts import PARTS, Part
from .terminal import console, print_json, table

__all__ = ["register"]

HOSTS = {"zynq": "its processors", "serial": "serial line"}
"""How a host reaches a board."""


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "boards", help="list the boards that --board knows, and the parts that --part does",
        description="List the boards and the parts that a design can be made for, and what they "
        "hold.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.json:
        print_json({
            "boards": [{"name": board.name, "title": board.title, "part": board.part.name,
                        "host": board.host} for board in BOARDS.values()],
            "parts": [asdict(part) for part in PARTS.values()]})
        return 0
    boards = table("board", "name", "part", "host")
    for board in BOARDS.values():
        boards.add_row(board.name, board.title, board.part.name, HOSTS[board.host])
    console.print(boards)
    console.print("or a file in the form of amaranth-boards\n")
    rows = table("part", "family", ">LUTs", ">as memory", ">FFs", ">BRAM36", ">DSP")
    for part in PARTS.values():
        rows.add_row(part.name, part.family, *(f"{number:,}" for number in (
            part.luts, part.lutram_luts, part.ffs, part.bram36, part.dsp)))
    console.print(rows)
    console.print(f"or a file NAME.toml with {', '.join(field.name for field in fields(Part))}")
    return 0
