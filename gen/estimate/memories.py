"""Where synthesis puts a memory: Yosys 0.70's ``memory_libmap`` with the libraries of a family.

Each way to make a memory has a cost; the lowest is taken. The costs are those of the libraries
(``lutrams_xc5v.txt``, ``brams_xc4v.txt``, ``lutrams_trellis.txt``, ``brams_16kd.txt``), the
thresholds between them were found by trying.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...rtl_templates.resources import bram18_of, lutram_sites
from .logic import Store

__all__ = ["Mapped", "ecp5_memory", "in_block_ram", "xc7_memory"]

_XC7_BLOCK, _XC7_TABLE_BITS = 129, 64
"""Cost of a RAMB18E1, and bits of a table of constants in logic that cost 1."""

_XC7_SITE, _ECP5_LUT = 2, 4 / 6
"""Cost of memories in LUTs: 8 for the four sites of a RAM32M, 4 for the six LUTs of a DPR16X4."""

_ECP5_BLOCK, _ECP5_TABLE_BITS = 128, 16

_ECP5_CHOICE = 0.45
"""Cost of a bit's way from one more DPR16X4; between 0.38 and 0.5."""

_XC7_REGISTERS = 7
"""Bits of a memory up to which it is made of registers."""


@dataclass(frozen=True)
class Mapped:
    """What a memory occupies: LUTs of it and of logic beside it, flip-flops, block RAMs.

    ``registers`` is whether it is made of those, ``table`` whether of logic.
    """

    memory: float = 0
    logic: float = 0
    ff: int = 0
    bram: int = 0
    registers: bool = False
    table: bool = False


def xc7_memory(store: Store) -> Mapped:
    """On a 7-series part; RAMB36E1 count as two."""
    if store.depth == 1:
        return _word(store)
    bits = store.width << (store.depth - 1).bit_length()
    if store.written and not store.synchronous and bits <= _XC7_REGISTERS:
        return Mapped(registers=True)
    return _mapped(store, _xc7_sites, _XC7_SITE, _XC7_BLOCK, _XC7_TABLE_BITS)


def ecp5_memory(store: Store) -> Mapped:
    """On an ECP5."""
    if store.depth == 1:
        return _word(store)
    bits = store.width << (store.depth - 1).bit_length()
    # A DPR16X4 costs 4, registers a little less than a bit.
    if store.written and not store.synchronous and bits < 4 * -(-store.width // 4) + 4:
        return Mapped(registers=True)
    banks = -(-store.depth // 16)
    found = _mapped(store, _ecp5_luts, _ECP5_LUT, _ECP5_BLOCK, _ECP5_TABLE_BITS,
                    _ECP5_CHOICE * store.width * (banks - 1))
    if found.memory and banks > 1:
        # LUT4s of a multiplexer for each bit, and of the write enables.
        found = replace(found, logic=store.width * _ecp5_choice(banks) + 1.5 * banks)
    if found.bram and store.written:
        # What is read where it is written must be the old word: addresses are compared, and the
        # word that was read is kept and chosen, beside what was written.
        address = (store.depth - 1).bit_length()
        found = replace(found, ff=2 * store.width + address + 2,
                        logic=store.width + -(-address // 2) + 1)
    return found


def in_block_ram(width: int, depth: int, family: str) -> bool:
    """Whether a memory that is written, and read at clock edges, gets block RAM if it may."""
    store = Store(width=width, depth=depth, written=True, synchronous=True, style="", inputs=[],
                  outputs=[], transparent=False, enabled=False)
    return bool((xc7_memory if family == "xc7" else ecp5_memory)(store).bram)


def _word(store: Store) -> Mapped:
    """A memory of one word: a register, and another one that it is read into."""
    return Mapped(registers=store.written, ff=store.width if store.synchronous else 0)


def _xc7_sites(width: int, depth: int) -> int:
    if width == 1 and 64 < depth <= 128:
        return 4  # a RAM128X1D
    return lutram_sites(width, depth)


def _ecp5_luts(width: int, depth: int) -> int:
    """Of TRELLIS_DPR16X4: four LUTs each, and two whose inputs the write port needs."""
    return -(-width // 4) * 6 * -(-depth // 16)


def _ecp5_choice(ways: int) -> int:
    """LUT4s that choose one of so many: four for each choice of four, one for that of two."""
    if ways <= 2:
        return ways - 1
    quarter = -(-ways // 4)
    return 4 * quarter + _ecp5_choice(quarter)


def _mapped(store: Store, luts: Callable[[int, int], int], price: float, block: int,
            table_bits: int, choice: float = 0.0) -> Mapped:
    """The cheaper of LUTs and block RAM, or what the style says; an asynchronous one is in LUTs.

    ``choice`` is the cost of what chooses among several memories in LUTs.
    """
    width, depth = store.width, store.depth
    late = width if store.synchronous else 0
    count = bram18_of(width, depth)
    if not store.written:
        in_logic = width * depth / table_bits
        if store.style == "block" or (store.synchronous and block * count <= in_logic):
            return Mapped(bram=count)
        return Mapped(table=True, ff=late)
    sites = luts(width, depth)
    if store.synchronous and store.style != "distributed" and (
            store.style == "block" or block * count <= price * sites + choice):
        return Mapped(bram=count)
    return Mapped(memory=sites, ff=late)
