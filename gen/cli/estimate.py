"""``quantloom estimate``: what a design takes and gives, without synthesis."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..design import Design, design_file, stored_design
from ..errors import QuantloomError
from ..estimate.activity import load_activity
from ..estimate.apart import helper
from ..estimate.estimate import NAMES, Estimate, capacity_json, resources_json
from ..estimate.estimate import estimate as estimate_of
from ..output import changed_files
from ..report.record import refresh
from .folding import add_folding, choose_folding, target_cycles
from .generate import open_design
from .options import add_input_grid, existing, input_grid, named_part
from .terminal import console, error, print_json, progress, table

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "estimate", help="area, speed, power and traffic before synthesis",
        description="Estimate what designs take and give, block by block, or several side by "
        "side. The report of a design's directory is refreshed.")
    parser.add_argument("designs", type=Path, nargs="+", metavar="DESIGN",
                        help="a directory that 'quantloom generate' wrote, a design.json, or a "
                        "model file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_folding(parser, " A design that there is already keeps its folding, unless --max or "
                "--folding is given: --cycles and --fps are what it must reach.")
    add_input_grid(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class _Row:
    """An estimate, where it comes from, and what is to be said of it."""

    path: Path
    estimate: Estimate
    misses: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"design": str(self.path), **self.estimate.to_json(), "misses": list(self.misses),
                "notes": list(self.notes)}


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if a part does not hold a design, or a target is missed."""
    with progress("estimating") as update, helper():
        rows = []
        for k, path in enumerate(arguments.designs):
            update(k, len(arguments.designs))
            rows.append(_row(path, argparse.Namespace(**vars(arguments))))
    if arguments.json:
        values = [row.to_json() for row in rows]
        print_json(values[0] if len(rows) == 1 else {"designs": values})
    elif len(rows) == 1:
        _print_one(rows[0])
    else:
        _print_side_by_side(rows)
    return 1 if any(row.misses for row in rows) else 0


def _row(path: Path, arguments: argparse.Namespace) -> _Row:
    stored = stored_design(existing(path), grid=input_grid(arguments) is not None)
    notes: list[str] = []
    directory: Path | None = None  # of a design that keeps its folding
    if stored is None:
        arguments.model, arguments.name = path, None
        design = open_design(arguments)
    else:
        design = stored
        notes += [f"{design_file(path)}: {design.foreign}"] if design.foreign else []
        arguments.clock = arguments.clock or design.clock
        if arguments.max or arguments.folding is not None:
            design = choose_folding(design.network, design.foldings, design.source, arguments)
        else:
            directory = path if path.is_dir() else path.parent
            design.clock = arguments.clock
            if arguments.part is not None:
                design.part = named_part(arguments.part)
            design.target = target_cycles(arguments) or design.target
    activity = None if directory is None else load_activity(directory)
    found = estimate_of(design, activity=activity)
    if directory is not None:
        notes += _refresh(directory, design, found)
    return _Row(path, found, (*found.misses, *_missed(design, found, arguments)), tuple(notes))


def _missed(design: Design, found: Estimate, arguments: argparse.Namespace) -> list[str]:
    """What was asked for on the command line and is not reached."""
    missed = []
    target, interval = target_cycles(arguments), design.dataflow.interval
    if target is not None and interval > target:
        missed.append(f"{interval:,} cycles a frame are more than the target of {target:,}: "
                      f"{design.dataflow.bottleneck.name} is the slowest")
    if arguments.utilisation is not None:
        if found.part is None:
            raise QuantloomError("--utilisation needs --part")
        most = found.part.luts * arguments.utilisation
        if most < found.resources.lut <= found.part.luts:
            missed.append(f"{found.resources.lut:,.0f} LUT sites are more than "
                          f"{arguments.utilisation:.0%} of {found.part.name}")
    return missed


def _refresh(directory: Path, design: Design, found: Estimate) -> list[str]:
    """Bring the report up to date; what to say if that cannot be."""
    if "design.json" in changed_files(directory):
        return [f"{directory / 'design.json'} was edited since the Verilog was generated: the "
                "estimate is that of the edited design, and the report is left as it was"]
    return refresh(directory, design, found)


def _print_one(row: _Row) -> None:
    found = row.estimate
    used = resources_json(found.resources)
    _print_blocks(found)
    if found.part is None:
        console.print("\nestimated: " + ", ".join(f"{used[key]:,g} {name}"
                                                  for key, name in NAMES.items()))
    else:
        whole = capacity_json(found.part)
        rows = table("estimated", ">used", f">of {found.part.name}", ">share")
        for key, name in NAMES.items():
            rows.add_row(name, f"{used[key]:,g}", f"{whole[key]:,g}",
                         f"{used[key] / whole[key]:.0%}" if whole[key] else "")
        console.print()
        console.print(rows)
    console.print()
    facts = table("", "")
    facts.show_header = False
    for name, text in _facts(found).items():
        facts.add_row(name, text)
    console.print(facts)
    for note in row.notes:
        console.print(f"note: {note}", markup=False)
    for miss in row.misses:
        error(miss)


def _print_blocks(found: Estimate) -> None:
    rows = table("block", "kind", "layer", ">LUT sites", ">FF", ">BRAM36", ">DSP", ">cycles",
                 ">Fmax")
    for block in found.blocks:
        numbers = resources_json(block.resources)
        rows.add_row(block.name, block.kind, block.layer,
                     *(f"{numbers[key]:,g}" if numbers[key] else "" for key in NAMES),
                     f"{block.cycles:,}", f"{block.speed.mhz:.0f}")
    console.print(rows)


def _facts(found: Estimate) -> dict[str, str]:
    """What is said of one design line by line, and of several side by side."""
    flow, moved = found.dataflow, found.traffic
    rate = found.images_per_second
    facts = {
        "cycles a frame": f"{flow.interval:,} ({flow.bottleneck.name} is the slowest)",
        "latency": f"{found.latency_cycles:,} cycles ({found.latency_cycles / found.clock:,.1f} "
                   "us)",
        "images/s": f"{rate:,.0f} at {found.clock:g} MHz",
    }
    slowest = found.slowest
    facts["Fmax"] = f"{found.fmax_mhz:.0f} MHz ({slowest.name}: {slowest.speed.path})"
    if found.power is not None:
        facts |= _power_facts(found.power.to_json())
    memory = moved.memory
    per_mac = moved.to_json(rate)["bits_moved_per_mac"]
    facts |= {
        "on the chip": f"{memory.total / 1000:,.1f} kbit: weights {memory.weights / 1000:,.1f}, "
                       f"tables {memory.tables / 1000:,.1f}, rows {memory.rows / 1000:,.1f}, "
                       f"queues {memory.queues / 1000:,.1f}",
        "ports": f"{moved.bytes_in:,} bytes in and {moved.bytes_out:,} out a frame, "
                 f"{(moved.bytes_in + moved.bytes_out) * rate / 1e6:,.2f} MB/s",
        "MACs": f"{moved.macs:,} a frame, {moved.macs / flow.interval:,.1f} a cycle, "
                f"{moved.intensity:,.0f} a byte at the ports",
    }
    if per_mac is not None:
        facts["bits moved"] = (f"{per_mac['between']:.2f} a MAC between blocks, "
                               f"{per_mac['weights']:.2f} of weights")
    return facts


def _power_facts(power: dict[str, Any]) -> dict[str, str]:
    total, energy = power["total_w"], power["energy_mj"]
    return {"power": f"{total['typical']:.3f} W ({total['low']:.3f} to {total['high']:.3f}; "
                     f"activity: {power['activity']})",
            "energy": f"{energy['typical'] * 1000:,.1f} uJ an image "
                      f"({energy['low'] * 1000:,.1f} to {energy['high'] * 1000:,.1f})"}


def _print_side_by_side(rows: list[_Row]) -> None:
    columns = table("", *(f">{row.path}" for row in rows))

    def line(name: str, text: Callable[[Estimate], str]) -> None:
        columns.add_row(name, *(text(row.estimate) for row in rows))

    line("part", lambda e: e.part.name if e.part else "")
    for key, name in NAMES.items():
        line(name, lambda e, key=key: _share(e, key))  # type: ignore[misc]
    facts = [_facts(row.estimate) for row in rows]
    for name in dict.fromkeys(name for one in facts for name in one):
        columns.add_row(name, *(one.get(name, "").split(" (")[0].split(": ")[0] for one in facts))
    console.print(columns)
    for row in rows:
        for note in row.notes:
            console.print(f"note: {note}", markup=False)
        for miss in row.misses:
            error(f"{row.path}: {miss}")


def _share(found: Estimate, key: str) -> str:
    used = resources_json(found.resources)[key]
    whole = capacity_json(found.part)[key] if found.part is not None else 0
    return f"{used:,g}" + (f" ({used / whole:.0%})" if whole else "")
