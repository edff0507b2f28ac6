"""``quantloom inspect``: what a model computes, and what stands in the way of compiling it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..network import Network, Op
from .frames import random_frames
from .options import add_input_grid, existing, input_grid, natural, positive
from .terminal import console, print_json, progress, table

if TYPE_CHECKING:
    from ...sim.source import Comparison

__all__ = ["register"]

FRAMES = 8
"""Random frames of a check."""


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "inspect", help="show a model's integer network",
        description="Show the integer network of a model, or all that is unsupported in it.")
    parser.add_argument("model", type=Path, metavar="MODEL", help="an .onnx, .tflite or .qnet file")
    parser.add_argument("--check", type=positive, metavar="N", nargs="?", const=FRAMES,
                        help="compare the golden model with the source's own runtime (LiteRT's "
                        f"reference kernels, qonnx) on N random frames (default {FRAMES})")
    parser.add_argument("--seed", type=natural, default=0, metavar="N",
                        help="of the random frames (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_input_grid(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if a check finds a difference, 2 if something is unsupported."""
    from ..frontends import door, examine

    path, grid = existing(arguments.model), input_grid(arguments)
    network, problems = examine(path, input_grid=grid)
    if network is None:
        if arguments.json:
            print_json({"model": str(path), "unsupported": [
                {"node": p.node, "problem": p.problem, "remedy": p.remedy} for p in problems]})
        else:
            console.print(f"{path}: {len(problems)} unsupported", style="bold red", markup=False)
            for problem in problems:
                console.print(f"  {problem}", markup=False)
        return 2
    found = None if arguments.check is None else _check(path, network, arguments)
    code = 0 if found is None or found.equal else 1
    if arguments.json:
        print_json({"model": str(path), "door": door(path), "unsupported": [],
                    "macs": network.macs(), "weights": sum(map(_weights, network.ops)),
                    "host": list(network.host), "layers": _rows(network),
                    "check": None if found is None else {**asdict(found), "equal": found.equal}})
        return code
    rows = table("layer", "operation", "output", "type", "range", "weights", ">number", ">MACs",
                 ">zeros")
    for row in _rows(network):
        rows.add_row(row["name"], row["op"], "x".join(map(str, row["shape"])), row["type"],
                     f"{row['range'][0]}..{row['range'][1]}", row["weight_type"] or "",
                     f"{row['weights']:,}" if row["weights"] else "",
                     f"{row['macs']:,}" if row["macs"] else "",
                     f"{row['zeros']:.0%}" if row["weights"] else "")
    console.print(rows)
    console.print(f"\n{path}: {door(path)}, {network.macs():,} MACs a frame, "
                  f"{sum(map(_weights, network.ops)):,} weights; all of it is supported",
                  markup=False)
    for note in network.host:
        console.print(f"left to the host: {note}", markup=False)
    if found is not None:
        _print_check(found)
    return code


def _check(path: Path, network: Network, arguments: argparse.Namespace) -> Comparison:
    # The golden model and the runtimes are of no use to who only looks: import them late.
    from ...sim.source import compare

    frames = random_frames(network, arguments.check, arguments.seed)
    with progress("checking") as update:
        return compare(path, network, frames, update)


def _print_check(found: Comparison) -> None:
    if found.equal:
        console.print(f"[bold green]equal[/] to {found.runtime} on {found.frames} random frames: "
                      f"every integer of {found.elements:,}")
    else:
        console.print(f"[bold red]not equal[/] to {found.runtime}: {found.different:,} of "
                      f"{found.elements:,} integers differ; first: {found.first}")


def _weights(op: Op) -> int:
    weights = getattr(op, "weights", None)
    return 0 if weights is None else int(weights.size)


def _rows(network: Network) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, op in [("input", None), *((op.name, op) for op in network.ops)]:
        tensor = network.tensors[name]
        weights = getattr(op, "weights", None)
        rows.append({
            "name": name, "op": op.kind if op else "input", "shape": list(tensor.shape),
            "type": str(tensor.type), "range": [tensor.lo, tensor.hi],
            "weight_type": None if weights is None else str(getattr(op, "weight_type", "")),
            "weights": 0 if weights is None else int(weights.size),
            "zeros": 0.0 if weights is None else float((weights == 0).mean()),
            "macs": op.macs(*network.inputs_of(op)) if op else 0,
        })
    return rows
