"""How fast blocks are clocked, from the structure of their paths, before synthesis.

A path takes the delays of what it passes, and of the wires between: a hop for each LUT, carry
chain, memory or multiplier, the longer the more loads the path's widest net has and the larger
the design is. Delays of cells are those of the families' data; those of wires are fitted, for
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
from ...rtl_templates.path import Path
from ..dataflow.graph import Dataflow

__all__ = [
    "Delays", "Speed", "block_speed", "cells_and_hops", "delays", "design_size", "growth",
    "path_delay", "paths_of", "speeds", "stored_fit",
]  # fmt: skip

_FILE = "clock.json"

SMALLEST = -2.0
"""Doublings from 1,000 LUT sites below which wires get no shorter."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """Delays of a family's speed grade, in ns.

    Parameters
    ----------
    register : float
        Clock to output, and set-up.
    lut : float
    carry_in, carry_bit, carry_out : float
        Into a chain, along it, out of it.
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
    wire : float
        A hop, in a design of 1,000 LUT sites.
    wire_fanout : float
        More for each doubling of the widest net's loads.
    wire_size : float
        Share of a wire's delay by which it grows with each doubling of the design.
    placed : bool
        Whether wires are fitted to placed designs.
    """

    register: float
    lut: float
    carry_in: float
    carry_bit: float
    carry_out: float
    lutram: float
    bram: float
    product: float
    product_bits: int
    product_from: int
    product_registered: bool
    wire: float
    wire_fanout: float
    wire_size: float
    placed: bool


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


def cells_and_hops(path: Path, known: Delays) -> tuple[float, int]:
    """Delay of the cells that a path passes, in ns, and the wires between them."""
    total, hops = known.register, 0
    luts, carry = path.luts, path.carry
    if path.source == "lutram":
        total, hops = total + known.lutram, hops + 1
    elif path.source == "bram":
        total += known.bram - known.register
    if path.factors and sum(path.factors) >= known.product_from:
        luts = carry = 0
        total += known.product
        if not known.product_registered:
            hops += 2
            if max(path.factors) > known.product_bits:  # added up behind several multipliers
                carry, hops = sum(path.factors) - known.product_bits, hops - 1
    elif path.tail or not (luts or carry):
        hops += 1  # beside a register stands only the LUT or the carry bit that drives its data
    if carry:
        total += known.carry_in + carry * known.carry_bit + known.carry_out
        hops += 1
    return total + luts * known.lut, hops + luts


def growth(size: float) -> float:
    """Doublings of a design's LUT sites from 1,000."""
    return max(SMALLEST, log2(max(size, 1.0) / 1000))


def path_delay(path: Path, known: Delays, size: float) -> float:
    """Clock period that a path needs, in ns, in a design of so many LUT sites."""
    cells, hops = cells_and_hops(path, known)
    wires = hops * known.wire + log2(path.fanout) * known.wire_fanout
    return cells + wires * (1 + known.wire_size * growth(size))


def design_size(dataflow: Dataflow) -> float:
    """LUT sites that wires must cross, by the formulas for 7-series."""
    return sum(block.params.resources.lut for block in dataflow.blocks.values())


def block_speed(params: BlockParams, known: Delays, size: float | None = None) -> Speed:
    """Speed of a block's own paths.

    Parameters
    ----------
    params : BlockParams
    known : Delays
    size : float or None
        LUT sites of the design that it is in; None: it is alone.
    """
    return _slowest(params.paths, known, size or params.resources.lut)


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
    size = design_size(dataflow)
    return {name: _slowest(tuple(paths_of(dataflow, name)), known, size)
            for name in dataflow.blocks}


def _slowest(paths: tuple[Path, ...], known: Delays, size: float) -> Speed:
    path = max(paths, key=lambda path: path_delay(path, known, size))
    return Speed(1000 / path_delay(path, known, size), path)
