"""Tables of constants in LUTs or block RAM, each in its cheapest form.

A table in block RAM is cut into tiles, each the size of one primitive or less: RAMB18E1 and
RAMB36E1 in every aspect ratio, small remainders in LUTs. A row of the memory may hold several
words, which uses up the parity bits of narrow words.

Tables of different blocks share no primitive. The tiles leave too little for it: in a network with
41.5 RAMB36E1 of tables they hold 95 % of its bits, and the best pairing of what fits the second
port of another saves one RAMB18E1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory

from .path import Path, select_levels
from .resources import Resources, rom_sites
from .validation import check_positive

__all__ = [
    "MEMORIES", "RomPlan", "Tile", "cheapest_memory", "look_up", "plan_rom", "read_rom",
    "rom_latency", "rom_resources",
]  # fmt: skip

MEMORIES = ("lut", "block")

# Width to depth of a RAMB18E1; a RAMB36E1 is twice as deep, or 72 bits wide.
_RAMB18 = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}
_RAMB36 = {1: 32768, 2: 16384, 4: 8192, 9: 4096, 18: 2048, 36: 1024, 72: 512}

_BRAM18_SITES = 100
"""LUT sites worth a RAMB18E1: of 17,600 on an XC7Z010, of which 70 % can be used, to 120."""

_SHALLOWEST = 512
_LUT_DEPTH = 64
_PACKED = (1, 2, 4, 8)
"""Words a row."""


@dataclass(frozen=True, order=True)
class Tile:
    """A rectangle of a memory: some bits of some rows.

    ``bram18`` is 2 for a RAMB36E1, 1 for a RAMB18E1, 0 for LUTs. ``row`` is a multiple of
    ``rows`` rounded up to a power of two.
    """

    bit: int
    row: int
    bits: int
    rows: int
    bram18: int


@dataclass(frozen=True)
class RomPlan:
    """A table in block RAM.

    Parameters
    ----------
    width, depth : int
        Bits of a word, words.
    packed : int
        Words a row, a power of two, the first lowest.
    tiles : tuple of Tile
        They cover ``packed * width`` bits of ``ceil(depth / packed)`` rows.
    """

    width: int
    depth: int
    packed: int
    tiles: tuple[Tile, ...]

    @property
    def rows(self) -> int:
        """Rows of the memory."""
        return -(-self.depth // self.packed)

    @property
    def bram18(self) -> int:
        """RAMB18E1; a RAMB36E1 is two."""
        return sum(tile.bram18 for tile in self.tiles)

    @property
    def multiplexed(self) -> bool:
        """Whether a word comes from one of several tiles or places in a row."""
        return self.packed > 1 or any(tile.rows < self.rows for tile in self.tiles)

    @cached_property
    def ways(self) -> tuple[int, ...]:
        """Places that each bit of a word may come from."""
        places = np.zeros(self.packed * self.width, dtype=np.int64)
        for tile in self.tiles:
            places[tile.bit : tile.bit + tile.bits] += 1
        return tuple(places.reshape(self.packed, self.width).sum(axis=0).tolist())

    def path(self, what: str) -> Path:
        """From its deepest block RAM to the register that the word is read into; from the register
        behind a table in LUTs where it has none."""
        deep = [tile.rows for tile in self.tiles if tile.bram18]
        levels = select_levels(max(self.ways))
        return Path(what=what, source="bram" if deep else "register", words=max(deep, default=1),
                    luts=levels, choices=levels)

    @property
    def resources(self) -> Resources:
        """What it occupies."""
        lut = sum(rom_sites(t.bits, t.rows) for t in self.tiles if not t.bram18)
        lut += sum(map(_mux_sites, self.ways))
        ff = self.width + sum(t.bits for t in self.tiles if not t.bram18)
        if self.multiplexed:
            ff += (self.depth - 1).bit_length() - min(
                _address_bits(tile.rows) for tile in self.tiles)
        return Resources(lut=lut, ff=ff, bram18=self.bram18)


def rom_resources(width: int, depth: int, memory: str) -> Resources:
    """What :func:`read_rom` occupies if the contents look random.

    Parameters
    ----------
    width, depth : int
        Bits of a word, words.
    memory : str
        ``lut`` or ``block``.

    Raises
    ------
    ValueError
        If there is no such memory.
    """
    _check(width, depth, memory)
    if depth == 1:
        return Resources()
    if memory == "lut":
        return Resources(lut=rom_sites(width, depth), ff=width)
    return plan_rom(width, depth).resources


def rom_latency(width: int, depth: int, memory: str) -> int:
    """Cycles from an address to :func:`read_rom`'s word.

    1 in LUTs. 2 in block RAM: its words come late in their cycle, and may pass a multiplexer,
    before they are registered.
    """
    _check(width, depth, memory)
    return 2 if memory == "block" and depth > 1 else 1


def cheapest_memory(width: int, depth: int) -> str:
    """The memory with the lower price, a RAMB18E1 counted as 100 LUT sites."""
    return "lut" if _lut_price(width, depth) <= _cheapest(width, depth)[0] else "block"


def _check(width: int, depth: int, memory: str) -> None:
    check_positive(width=width, depth=depth)
    if memory not in MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}")


def _address_bits(rows: int) -> int:
    return (rows - 1).bit_length()


def _mux_sites(ways: int) -> int:
    """Sites of a multiplexer: a LUT6 makes one way of four."""
    return -(-(ways - 1) // 3)


@cache
def plan_rom(width: int, depth: int) -> RomPlan:
    """The tiles with the lowest price, a RAMB18E1 counted as 100 LUT sites.

    Found among all ways to cut a rectangle in two again and again: across, at a multiple of a
    primitive's depth, or along, at a primitive's width.

    Raises
    ------
    ValueError
        If width or depth is not positive.
    """
    check_positive(width=width, depth=depth)
    plans = []
    for packed in _PACKED:
        if packed > 1 and depth < packed * _SHALLOWEST:
            break
        _, cut = _cheapest(packed * width, -(-depth // packed))
        tiles: list[Tile] = []
        _place(cut, 0, 0, tiles)
        plans.append(RomPlan(width, depth, packed, tuple(sorted(tiles))))
    return min(plans, key=lambda plan: _price(plan.resources))


def _lut_price(width: int, depth: int) -> float:
    """Price of a table in LUTs.

    Those of more than 32 words count twice: they are slower, and their LUTs share no site with
    others.
    """
    return rom_sites(width, depth) * (2 if depth > 32 else 1)


def _price(resources: Resources) -> float:
    return resources.bram18 * _BRAM18_SITES + resources.lut


# A cut rectangle: (bits, rows, RAMB18s or -1, first part, second part, whether beside each other).
_Cut = tuple[int, int, int, "_Cut | None", "_Cut | None", bool]


@cache
def _cheapest(bits: int, rows: int) -> tuple[float, _Cut]:
    """Lowest price of a rectangle, and how it is cut."""
    in_luts = _lut_price(bits, rows) if rows <= _SHALLOWEST else inf  # deeper ones are slow
    best: tuple[float, _Cut] = (in_luts, (bits, rows, 0, None, None, False))
    for count, shapes in ((1, _RAMB18), (2, _RAMB36)):
        if any(bits <= w and rows <= d for w, d in shapes.items()):
            price = float(count * _BRAM18_SITES)
            if price < best[0]:
                best = (price, (bits, rows, count, None, None, False))
            return best  # what fits a primitive is not worth a second one
    # A wide rectangle is halved between columns of 72 bits, which are then cut for themselves.
    widest = max(_RAMB36)
    columns = (list(reversed(_RAMB36)) if bits <= 2 * widest
               else [max(1, bits // widest // 2) * widest])
    for column in columns:
        if column < bits:
            (p, first), (q, second) = _cheapest(column, rows), _cheapest(bits - column, rows)
            if p + q < best[0]:
                best = (p + q, (bits, rows, -1, first, second, True))
    for part in _RAMB36.values() if bits <= 2 * widest else ():
        if part < rows:
            upper = (rows - 1) // part * part
            (p, first), (q, second) = _cheapest(bits, upper), _cheapest(bits, rows - upper)
            mux = bits / 3
            if p + q + mux < best[0]:
                best = (p + q + mux, (bits, rows, -1, first, second, False))
    return best


def _place(cut: _Cut, bit: int, row: int, tiles: list[Tile]) -> None:
    bits, rows, count, first, second, beside = cut
    if first is None or second is None:
        tiles.append(Tile(bit, row, bits, rows, count))
        return
    _place(first, bit, row, tiles)
    if beside:
        _place(second, bit + first[0], row, tiles)
    else:
        _place(second, bit, row + first[1], tiles)


def read_rom(
    m: Module, name: str, words: Sequence[int], address: Value, width: int, memory: str = "lut"
) -> Value:
    """Word of a constant table, :func:`rom_latency` cycles after its address.

    One address a cycle. A constant if all words are equal.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    name : str
        Prefix of submodules and signals.
    words : sequence of int
        Contents.
    address : Value
        Number of the word; what an address beyond the table gives is not defined.
    width : int
        Bits of a word.
    memory : str
        ``lut`` or ``block``.

    Raises
    ------
    ValueError
        If there is no such memory.
    """
    _check(width, len(words), memory)
    if len(set(words)) == 1:
        return Const(words[0], width)
    if memory == "lut":
        return _lut_rom(m, name, words, address, width)
    plan = plan_rom(width, len(words))
    return _block_rom(m, name, words, address, plan)


def look_up(m: Module, name: str, words: Sequence[int], address: Value, width: int) -> Value:
    """Word of a constant table in LUTs in the cycle of its address; as :func:`read_rom` else.

    64 words a LUT6, joined by MUXF7 and MUXF8.
    """
    if len(set(words)) == 1:
        return Const(words[0], width)
    low = _address_bits(min(len(words), _LUT_DEPTH))
    parts: list[Value] = []
    for start in range(0, len(words), _LUT_DEPTH):
        part = words[start : start + _LUT_DEPTH]
        if len(set(part)) == 1:
            parts.append(Const(part[0], width))
            continue
        suffix = f"_{start // _LUT_DEPTH}" if len(words) > _LUT_DEPTH else ""
        parts.append(_memory(m, f"{name}{suffix}", part, address[:low], width, "logic", "comb"))
    return _choose(parts, address[low:])


def _lut_rom(m: Module, name: str, words: Sequence[int], address: Value, width: int) -> Value:
    """Registered word of a table in LUTs."""
    word = Signal(width, name=f"{name}_word", reset_less=True)
    m.d.sync += word.eq(look_up(m, name, words, address, width))
    return word


def _choose(values: Sequence[Value], index: Value) -> Value:
    """``values[index]`` as a tree of two-way multiplexers, the last bit lowest."""
    if len(values) == 1:
        return values[0]
    half = 1 << (len(values) - 1).bit_length() - 1
    return Mux(index[half.bit_length() - 1], _choose(values[half:], index),
               _choose(values[:half], index))


def _within(address: int, depth: int) -> int:
    """Address of the word that stands beyond the end too, since simulators object to none there.

    Without the upper bits: then the table hardly depends on them.
    """
    while address >= depth:
        address -= 1 << address.bit_length() - 1
    return address


def _memory(
    m: Module, name: str, words: Sequence[int], address: Value, width: int, style: str, domain: str
) -> Value:
    """Word of one memory."""
    full = [words[_within(k, len(words))] for k in range(1 << len(address))]
    store = memory.Memory(shape=unsigned(width), depth=len(full), init=full,
                          attrs={"rom_style": style})
    m.submodules[name] = store
    port = store.read_port(domain=domain)
    m.d.comb += port.addr.eq(address)
    return port.data


def _block_rom(
    m: Module, name: str, words: Sequence[int], address: Value, plan: RomPlan
) -> Value:
    inner = _address_bits(plan.packed)
    rows = [sum(word << k * plan.width for k, word in enumerate(words[r : r + plan.packed]))
            for r in range(0, len(words), plan.packed)]
    row, place = address[inner:], address[:inner]
    data: dict[Tile, Value] = {}
    for k, tile in enumerate(plan.tiles):
        mask = (1 << tile.bits) - 1
        part = [r >> tile.bit & mask for r in rows[tile.row : tile.row + tile.rows]]
        at = row[: _address_bits(tile.rows)]
        if len(set(part)) == 1:
            data[tile] = Const(part[0], tile.bits)
        elif tile.bram18:
            data[tile] = _memory(m, f"{name}_{k}", part, at, tile.bits, "block", "sync")
        else:
            data[tile] = _lut_rom(m, f"{name}_{k}", part, at, tile.bits)
    word = Signal(plan.width, name=f"{name}_word", reset_less=True)
    if not plan.multiplexed:
        m.d.sync += word.eq(Cat(data[tile] for tile in plan.tiles))
        return word
    # The bits of the address that choose, in the cycle of the words.
    lowest = min(_address_bits(tile.rows) for tile in plan.tiles)
    row_now = Signal(len(row), name=f"{name}_row", reset_less=True)
    place_now = Signal(len(place), name=f"{name}_place", reset_less=True)
    m.d.sync += [row_now[lowest:].eq(row[lowest:]), place_now.eq(place)]
    bits = []
    for bit in range(plan.width):
        places = []
        for k in range(plan.packed):
            at_bit = k * plan.width + bit
            column = [(tile, data[tile][at_bit - tile.bit]) for tile in plan.tiles
                      if tile.bit <= at_bit < tile.bit + tile.bits]
            places.append(column)
        bits.append(_choose([_segment(c, row_now, 0, _address_bits(plan.rows)) for c in places],
                            place_now))
    m.d.sync += word.eq(Cat(bits))
    return word


def _segment(column: Sequence[tuple[Tile, Value]], row: Value, start: int, level: int) -> Value:
    """Bit of the tile that has a row; rows ``start`` to ``start + 2 ** level`` are possible."""
    inside = [(t, v) for t, v in column
              if t.row < start + (1 << level) and t.row + t.rows > start]
    if len(inside) == 1:
        return inside[0][1]
    half = 1 << level - 1
    low = _segment(inside, row, start, level - 1)
    if all(t.row + t.rows <= start + half for t, _ in inside):
        return low
    return Mux(row[level - 1], _segment(inside, row, start + half, level - 1), low)
