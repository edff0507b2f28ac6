"""How fast blocks are clocked, from the structure of their paths, before synthesis.

A path takes the delays of what it passes, and of the wires between: a hop for each LUT, carry
chain or LUT memory, the longer the more loads the path's widest net has and the larger the design
is; and others to multipliers and block RAMs, which stand in few columns, the longer the more of
those there are. Delays of cells are those of the families' data; those of wires are fitted, for
ECP5, to placed and routed designs (``python -m bench.clock_fit``). A block is as fast as its
slowest path, a design as its slowest block.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import log2
from typing import Any

from ...rtl_templates.block import BlockParams
from ...rtl_templates.path import Path, and_levels, select_levels
from ...rtl_templates.resources import Resources
from ..dataflow.graph import Dataflow
from .memories import in_block_ram
from .resources import block_resources, dataflow_resources

__all__ = [
    "Delays", "Extent", "Passed", "Speed", "block_speed", "delays", "extent", "growth", "passed",
    "path_delay", "paths_of", "speeds", "stored_fit",
]  # fmt: skip

_FILE = "clock.json"

NEAREST = -2.0
"""Doublings from 1,000 LUTs below which wires get no shorter; above, they stay as long as
they are within a block."""

NEAR = 4
"""Multipliers, or block RAMs, that are near to what they work for."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """Delays of a family's speed grade, in ns.

    Parameters
    ----------
    family : str
        As Yosys names it: ``ecp5`` or ``xc7``.
    register : float
        Clock to output, and set-up.
    lut : float
    choice : float
        More of a LUT that is a multiplexer of four.
    carry_in, carry_bit, carry_out : float
        Into a chain, along it, out of it.
    carry_from : int
        Bits of a sum from which it is on a chain; synthesis makes a shorter one of LUTs.
    lutram : float
        Address to output of a LUT memory.
    bram : float
        Clock to output of a block RAM without output register.
    product : float
        Through a multiplier; its inputs and outputs are registers of the multiplier itself if
        ``product_registered``.
    product_bits : int
        Bits of a factor of a multiplier.
    product_from : int
        Bits of a product from which it is made by a multiplier.
    product_registered : bool
    lutram_words, bram_words : int
        Of a LUT memory, and of a block RAM in the shape that synthesis gives it.
    wire : float
        A hop in logic, in a design of 1,000 LUTs or more.
    near_loads : int
        That a net has without being longer for it.
    wire_fanout : float
        More for each doubling of the widest net's loads from there.
    wire_size : float
        Share of these by which they grow with each doubling of the design up to there.
    wire_far : float
        A hop to or from a multiplier, or from a block RAM.
    wire_apart : float
        More for each doubling of the number of those from :data:`NEAR`.
    placed : bool
        Whether wires are fitted to placed designs.
    """

    family: str
    register: float
    lut: float
    choice: float
    carry_in: float
    carry_bit: float
    carry_out: float
    carry_from: int
    lutram: float
    bram: float
    product: float
    product_bits: int
    product_from: int
    product_registered: bool
    lutram_words: int
    bram_words: int
    wire: float
    near_loads: int
    wire_fanout: float
    wire_size: float
    wire_far: float
    wire_apart: float
    placed: bool


@dataclass(frozen=True)
class Extent:
    """What wires must cross in a design: LUTs, multipliers, block RAMs."""

    luts: float
    products: float
    brams: int


@dataclass(frozen=True)
class Passed:
    """What a path passes.

    Parameters
    ----------
    cells : float
        Delay of cells, in ns.
    hops, far : int
        Wires in logic; to and from multipliers, and from block RAMs.
    loads : float
        Doublings of the loads of the widest net in logic, from those that are near.
    doublings : float
        Of the design's multipliers or block RAMs, from :data:`NEAR`.
    """

    cells: float
    hops: int
    far: int
    loads: float
    doublings: float


@dataclass(frozen=True)
class Speed:
    """Highest clock, in MHz, and the path that sets it."""

    mhz: float
    path: Path


@cache
def stored_fit() -> dict[str, Any]:
    """What :mod:`bench.clock_fit` stored: delays by family, tools, designs and errors."""
    stored: dict[str, Any] = json.loads((files(__package__) / _FILE).read_text())
    return stored


@cache
def delays(family: str) -> Delays:
    """Delays of a family, as Yosys names it: ``ecp5`` or ``xc7``.

    Raises
    ------
    ValueError
        If they are not known; the text lists the families.
    """
    known = stored_fit()["delays"]
    if family not in known:
        raise ValueError(f"family must be one of {', '.join(known)}, not {family!r}")
    return Delays(**known[family])


def passed(path: Path, known: Delays, around: Extent) -> Passed:
    """What a path passes in a design of such an extent."""
    cells, hops, far, there = known.register, 0, 0, 0.0
    luts, carry, joined = path.luts, path.carry, 0
    if 0 < carry < known.carry_from:
        # One of its levels merges with the LUTs beside it.
        luts, carry = max(1, luts + and_levels(2 * carry) - 1), 0
    source = path.source
    if source == "ram":
        source = "bram" if in_block_ram(path.width, path.words, known.family) else "register"
    if source == "lutram":
        cells, hops = cells + known.lutram, hops + 1
        joined = select_levels(-(-path.words // known.lutram_words))
    elif source == "bram":
        cells, far, there = cells + known.bram - known.register, far + 1, around.brams
        joined = select_levels(-(-path.words // known.bram_words))
    luts, choices = luts + joined, path.choices + joined
    if multiplied := bool(path.factors) and sum(path.factors) >= known.product_from:
        cells, luts, choices, carry = cells + known.product, 0, 0, 0
        if not known.product_registered:
            far, there = far + 2, around.products
            if max(path.factors) > known.product_bits:  # added up behind several multipliers
                carry, hops = sum(path.factors) - known.product_bits, hops - 1
    elif path.tail or not (luts or carry):
        hops += 1  # beside a register stands only the LUT or the carry bit that drives its data
    if carry:
        cells += known.carry_in + carry * known.carry_bit + known.carry_out
        hops += 1
    hops += luts - (source == "bram")
    return Passed(cells=cells + luts * known.lut + choices * known.choice, hops=hops, far=far,
                  loads=0.0 if multiplied else log2(max(path.fanout / known.near_loads, 1)),
                  doublings=log2(max(there, NEAR) / NEAR))


def growth(luts: float) -> float:
    """Doublings of a design's LUTs from 1,000, of those that make wires longer."""
    return min(0.0, max(NEAREST, log2(max(luts, 1.0) / 1000)))


def path_delay(path: Path, known: Delays, around: Extent) -> float:
    """Clock period that a path needs, in ns, in a design of such an extent."""
    found = passed(path, known, around)
    wires = found.hops * known.wire + found.loads * known.wire_fanout
    return (found.cells + wires * (1 + known.wire_size * growth(around.luts))
            + found.far * (known.wire_far + found.doublings * known.wire_apart))


def extent(taken: Resources) -> Extent:
    """What the wires of a design must cross that takes so much."""
    return Extent(taken.lut, taken.dsp, taken.bram18)


def block_speed(params: BlockParams, known: Delays, around: Extent | None = None) -> Speed:
    """Speed of a block's own paths.

    Parameters
    ----------
    params : BlockParams
    known : Delays
    around : Extent or None
        Of the design that it is in; None: it is alone.
    """
    around = around or extent(block_resources(params, known.family))
    return _slowest(params.paths, known, around)


def paths_of(dataflow: Dataflow, name: str) -> Iterator[Path]:
    """A block's paths, and those into it."""
    block = dataflow.blocks[name]
    yield from block.params.paths
    for stream in block.inputs:
        producer = dataflow.streams[stream].producer
        if producer is not None:
            entry, width = block.params.entry, dataflow.streams[stream].shape.width
            source = dataflow.blocks[producer].params.exit
            yield replace(entry, what=f"{entry.what} from {producer}", source=source,
                          fanout=max(entry.fanout, width if source == "lutram" else 1))


def speeds(dataflow: Dataflow, known: Delays) -> dict[str, Speed]:
    """Speed of each block in its design, the paths from its neighbours' outputs included."""
    around = extent(dataflow_resources(dataflow, known.family))
    return {name: _slowest(tuple(paths_of(dataflow, name)), known, around)
            for name in dataflow.blocks}


def _slowest(paths: tuple[Path, ...], known: Delays, around: Extent) -> Speed:
    path = max(paths, key=lambda path: path_delay(path, known, around))
    return Speed(1000 / path_delay(path, known, around), path)
