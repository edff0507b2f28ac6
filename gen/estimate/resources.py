"""What the blocks of a dataflow take on a family of parts.

A block's own description is read and covered with LUTs (:mod:`.logic`, :mod:`.mapping`); what
synthesis makes of such logic is calibrated with netlists: ``areas.json`` holds, by family and kind
of block, the factors that :mod:`bench.characterise` fitted, how far estimates were off on
the designs they were tested on, and with which tools.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

from ...rtl_templates.bit_heap import SIMD_LANES
from ...rtl_templates.block import BlockParams
from ...rtl_templates.chain import ChainParams
from ...rtl_templates.resources import Resources
from ..dataflow.graph import Dataflow
from .apart import map_blocks
from .logic import Bits, Inputs
from .mapping import FAMILIES, map_block
from .mapping import Mapping as Mapped

__all__ = [
    "FAMILIES", "block_resources", "blocks_resources", "calibration", "dataflow_resources",
    "fitted_kind", "mappings", "terms",
]  # fmt: skip

_ANY = "*"
"""The factors of kinds that were not there when they were fitted."""

_KEPT = 4096
"""Blocks whose mapping is remembered."""

_mappings: dict[tuple[BlockParams, str, Inputs, tuple[int, ...]], Mapped] = {}


@cache
def calibration() -> dict[str, Any]:
    """What was fitted, on what, and how well it predicts."""
    text = (files("quantloom.gen") / "assets" / "areas.json").read_text()
    stored: dict[str, Any] = json.loads(text)
    return stored


def terms(mapped: Mapped) -> dict[str, float]:
    """What the LUTs of a block's logic are fitted on, by name; carry and memory are as they are."""
    return {"logic": mapped.logic, "crowd": mapped.crowd, "wide": mapped.wide,
            "joining": mapped.joining, "controlled": mapped.controlled,
            "compare": mapped.compare, "block": 1.0}


def block_resources(params: BlockParams, family: str = "xc7") -> Resources:
    """What a block takes.

    DSPs are shares where blocks can have one together; see :func:`dataflow_resources`.

    Parameters
    ----------
    params : BlockParams
    family : str
        ``xc7``: LUT sites, RAMB18E1 and DSP48E1. ``ecp5``: LUT4, DP16KD and MULT18X18D.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    return _calibrated(_mapped(params, family), fitted_kind(params), family)


def fitted_kind(params: BlockParams) -> str:
    """The kind whose factors a block has: a chain is mostly what begins it."""
    return fitted_kind(params.parts[0]) if isinstance(params, ChainParams) else params.kind


def _calibrated(mapped: Mapped, kind: str, family: str) -> Resources:
    factors: Mapping[str, Mapping[str, float]] = calibration()[family]["factors"]
    own = factors.get(kind, factors[_ANY])
    logic = sum(own.get(name, 0.0) * value for name, value in terms(mapped).items())
    shares = sum(count / SIMD_LANES[width] for width, count in mapped.simd.items())
    return Resources(lut=logic + mapped.carry + mapped.memory, ff=mapped.ff, bram18=mapped.bram,
                     dsp=mapped.multipliers + shares)


def mappings(dataflow: Dataflow, family: str) -> dict[str, Mapped]:
    """What each block occupies in its design, before calibration: bits that are constant in one
    block's output are constant in the next one, whose registers memories may take in."""
    found: dict[str, Mapped] = {}
    known: dict[str, Bits] = {}  # by stream
    registered: set[str] = set()  # streams
    as_read: dict[str, Inputs] = {}
    with _uncollected():
        _map_apart(dataflow, family)
        for name, block in dataflow.blocks.items():
            inputs = tuple(known.get(stream, ()) for stream in block.inputs)
            if all(bit is None for bits in inputs for bit in bits):
                inputs = ()  # as if it were alone
            found[name], as_read[name] = _mapped(block.params, family, inputs), inputs
            known |= dict(zip(block.outputs, found[name].outputs, strict=True))
            registered |= {stream for stream, only in
                           zip(block.inputs, found[name].registered, strict=True) if only}
        for name, block in dataflow.blocks.items():
            late = tuple(k for k, stream in enumerate(block.outputs)
                         if found[name].stored[k] and stream in registered)
            if late:
                found[name] = _mapped(block.params, family, as_read[name], late)
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which finds little among so many objects, and takes a quarter
    of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def blocks_resources(dataflow: Dataflow, family: str = "xc7") -> dict[str, Resources]:
    """What each block takes in its design; see :func:`block_resources`."""
    return _by_block(dataflow, mappings(dataflow, family), family)


def _by_block(dataflow: Dataflow, found: Mapping[str, Mapped],
              family: str) -> dict[str, Resources]:
    return {name: _calibrated(mapped, fitted_kind(dataflow.blocks[name].params), family)
            for name, mapped in found.items()}


def dataflow_resources(dataflow: Dataflow, family: str = "xc7") -> Resources:
    """What all blocks take together, DSPs that they share counted whole.

    Of adders of a width, as many share a DSP48E1 as fit; one that is left alone becomes a carry
    chain.
    """
    found = mappings(dataflow, family)
    total = sum(_by_block(dataflow, found, family).values(), Resources())
    adders: Counter[int] = Counter()
    multipliers = 0
    for mapped in found.values():
        adders.update(mapped.simd)
        multipliers += mapped.multipliers
    lut, dsp = total.lut, multipliers
    for width, count in adders.items():
        dsp += (count + SIMD_LANES[width] - 2) // SIMD_LANES[width]
        lut += width if count % SIMD_LANES[width] == 1 else 0
    return Resources(lut, total.ff, total.bram18, dsp)


def _map_apart(dataflow: Dataflow, family: str) -> None:
    """Map all blocks that were not mapped before, as if each were alone."""
    blocks = dict.fromkeys(block.params for block in dataflow.blocks.values()
                           if (block.params, family, (), ()) not in _mappings)
    for params, mapped in zip(blocks, map_blocks(list(blocks), family), strict=True):
        _keep((params, family, (), ()), mapped)


def _mapped(params: BlockParams, family: str, inputs: Inputs = (),
            late: tuple[int, ...] = ()) -> Mapped:
    key = (params, family, inputs, late)
    if key not in _mappings:
        _keep(key, map_block(params, family, inputs, late))
    return _mappings[key]


def _keep(key: tuple[BlockParams, str, Inputs, tuple[int, ...]], mapped: Mapped) -> None:
    if len(_mappings) >= _KEPT:
        del _mappings[next(iter(_mappings))]
    _mappings[key] = mapped
