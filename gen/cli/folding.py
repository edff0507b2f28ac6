"""The options that decide on a folding, and what is said about it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...boards.parts import Part
from ...rtl_templates.resources import Resources
from ..dataflow.fold import (
    UTILISATION,
    binding,
    fold,
    fold_for,
    limits,
    require_fit,
    shown,
)
from ..dataflow.plan import Folding
from ..design import DEFAULT_CLOCK, Design, cycles_at
from ..errors import QuantloomError
from ..estimate.estimate import family_of
from ..estimate.resources import dataflow_resources
from ..network import Network
from .options import named_part, percentage, positive, positive_real
from .terminal import console, progress, table

__all__ = [
    "Room", "add_folding", "choose_folding", "estimate", "part_room",
    "print_estimate", "target_cycles",
]  # fmt: skip

Room = tuple[Part, Resources]

def add_folding(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add the options; the note says what else there is to know of them."""
    group = parser.add_argument_group(
        "folding", "How much hardware each layer gets. The default is as fast as half of the "
        "smallest Zynq allows; with a part, as fast as it allows." + note)
    speed = group.add_mutually_exclusive_group()
    speed.add_argument("--cycles", type=positive, metavar="N", help="cycles a frame at most")
    speed.add_argument("--fps", type=positive_real, metavar="F",
                       help="frames a second at least, at the clock")
    speed.add_argument("--max", action="store_true", help="as fast as the part allows")
    speed.add_argument("--folding", type=Path, metavar="FILE",
                       help="take the folding from this design.json")
    group.add_argument("--clock", type=positive_real, metavar="MHZ",
                       help=f"clock in MHz (default {DEFAULT_CLOCK:g}, or the design's)")
    group.add_argument("--part", metavar="PART",
                       help="what the design must fit; 'quantloom boards' lists the parts; or a "
                       "file NAME.toml with the same columns")
    group.add_argument("--utilisation", type=percentage, metavar="PERCENT",
                       help="share of the part's LUT sites that may be used "
                       f"(default {UTILISATION:.0%})".replace("%", "%%"))


def target_cycles(arguments: argparse.Namespace) -> int | None:
    """Cycles a frame that were asked for."""
    if arguments.fps is not None:
        return cycles_at(arguments.fps, arguments.clock, "--fps")
    return None if arguments.cycles is None else int(arguments.cycles)


def _part(arguments: argparse.Namespace) -> Part | None:
    if arguments.part is None:
        for option, given in (("--max", arguments.max), ("--utilisation", arguments.utilisation)):
            if given:
                raise QuantloomError(f"{option} needs --part")
        return None
    return named_part(arguments.part)


def part_room(arguments: argparse.Namespace) -> Room | None:
    """The part that was named, and what may be used of it."""
    found = _part(arguments)
    if found is None:
        return None
    return found, limits(found, arguments.utilisation or UTILISATION)


def choose_folding(network: Network, stored: Mapping[str, Folding] | None,
                   source: dict[str, Any], arguments: argparse.Namespace) -> Design:
    """The design that the options ask for.

    Parameters
    ----------
    network : Network
    stored : mapping or None
        Foldings that came with the network, kept where no speed is asked for.
    source : dict
        What the network came from.
    arguments : Namespace

    Raises
    ------
    TargetError
        If it does not fit the part.
    """
    target, room = target_cycles(arguments), part_room(arguments)
    if arguments.folding is not None:
        stored = Design.load(arguments.folding).foldings
    elif target is not None or arguments.max:
        stored = None
    part = None if room is None else room[0]
    if stored is not None:
        design = Design(network, dict(stored), source, arguments.clock, part, target)
        if room is not None:
            require_fit(design.dataflow, *room, clock=arguments.clock)
        return design
    with progress("folding") as update:
        if room is None:
            return Design(network, fold(network, target), source, arguments.clock, part, target)
        found = fold_for(network, room[0], target, clock=arguments.clock, update=update,
                         utilisation=arguments.utilisation or UTILISATION)
    design = Design(network, found.foldings, source, arguments.clock, part, target)
    design.dataflow = found.dataflow
    return design


def estimate(design: Design, room: Room | None) -> dict[str, Any]:
    """Estimated resources, for machines."""
    resources = dataflow_resources(design.dataflow, family_of(room[0] if room else None))
    value: dict[str, Any] = {"estimate": shown(resources), "part": None}
    if room is not None:
        part, limit = room
        whole = shown(limits(part, 1.0))
        value |= {"part": part.name, "limit": shown(limit), "binding": binding(resources, limit),
                  "share": {name: round(used / whole[name], 4)
                            for name, used in shown(resources).items()}}
    return value


def print_estimate(design: Design, room: Room | None) -> None:
    """Print the estimated resources, against the part if there is one."""
    resources = dataflow_resources(design.dataflow, family_of(room[0] if room else None))
    used = shown(resources)
    if room is None:
        console.print("estimated: " + ", ".join(f"{n:,g} {name}" for name, n in used.items()))
        return
    part, limit = room
    whole, most = shown(limits(part, 1.0)), shown(limit)
    rows = table("estimated", ">used", f">of {part.name}", ">share", ">at most")
    for name, number in used.items():
        rows.add_row(name, f"{number:,g}", f"{whole[name]:,g}", f"{number / whole[name]:.0%}",
                     f"{most[name]:,g}")
    console.print(rows)
    console.print(f"{binding(resources, limit)} bind first; {design.dataflow.bottleneck.name} "
                  "sets the speed")
