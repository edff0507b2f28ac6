"""Compressor trees: adding up columns of bits.

A sum of many small numbers is a heap of bits, a column for each power of two. A full adder takes
three bits of a column and leaves one there and one in the next; on 7-series its two functions of
the same three inputs share one LUT site. Columns are compressed in this way until two rows are
left, which a carry chain adds. Carry chains of two-operand adders would take as many sites, but
break the heap into short chains that fill slices badly. Where LUTs are short and DSPs are not,
adders in DSP48E1 take the last rows: of those of 12 bits four share one.

A level of full adders on a column is three bitwise operations on vectors, so the description,
and the simulation of it, stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from amaranth.hdl import Cat, Const, Module, Signal, Value

from .resources import Resources

__all__ = [
    "DSP_ROWS",
    "LEVELS_PER_STAGE",
    "add_columns",
    "adder_attributes",
    "adder_resources",
    "heap_latency",
    "heap_resources",
    "heap_width",
]

FULL_ADDER_SITES = 1.1
"""LUT sites of a full adder: synthesis does not find all pairs that could share one."""

CARRY_ROWS = 2
"""Rows that a carry chain adds."""

DSP_ROWS = (0, 2, 9)
"""Rows that are offered to be left to DSP48E1: none; those of the carry chain, which saves most for
a DSP; and those of four levels of full adders before."""

SIMD_LANES = {12: 4, 24: 2}
"""Adders that share a DSP48E1, by the width up to which they do (UG479, SIMD modes)."""

NEVER_PACKED = 13
"""Width that Yosys makes no DSP48E1 of: as if its carry were the thirteenth bit of a sum of 12."""

LEVELS_PER_STAGE = 2
"""Levels of full adders between two registers: two LUTs, the first one with whatever logic makes
the bits."""


def _next_heights(heights: Sequence[int]) -> list[int]:
    """Column heights after one level of full adders."""
    result = [0] * (len(heights) + 1)
    for column, height in enumerate(heights):
        adders = height // 3
        result[column] += height - 2 * adders
        result[column + 1] += adders
    while len(result) > 1 and result[-1] == 0:
        result.pop()
    return result


def heap_latency(heights: Sequence[int], dsp_rows: int = 0) -> int:
    """Cycles through :func:`add_columns` for columns of these heights."""
    after = _compressed(tuple(heights), dsp_rows)
    adders = max(1, (max(after[-1]) - 1).bit_length())
    return -(-(len(after) - 1) // LEVELS_PER_STAGE) + adders


@lru_cache(maxsize=4096)  # the neurons of a layer have few different heaps
def _compressed(heights: tuple[int, ...], dsp_rows: int) -> list[Sequence[int]]:
    """The heights, and those after each level of full adders until few enough rows are left."""
    rows = _rows(heights, dsp_rows)
    after: list[Sequence[int]] = [heights]
    while max(after[-1]) > rows:
        after.append(_next_heights(after[-1]))
    return after


def _rows(heights: Sequence[int], dsp_rows: int) -> int:
    """Rows that are left by full adders: those of a carry chain if no DSP48E1 suits the sum."""
    suits = dsp_rows and adder_attributes(heap_width(heights), dsp=True)
    return dsp_rows if suits else CARRY_ROWS


def heap_width(heights: Sequence[int]) -> int:
    """Bits of the sum of columns of these heights."""
    return max(1, sum(height << k for k, height in enumerate(heights)).bit_length())


def heap_resources(heights: Sequence[int], dsp_rows: int = 0) -> Resources:
    """What :func:`add_columns` occupies."""
    return _resources(tuple(heights), dsp_rows)


@lru_cache(maxsize=4096)
def _resources(heights: tuple[int, ...], dsp_rows: int) -> Resources:
    width, after = heap_width(heights), _compressed(heights, dsp_rows)
    levels, rows = after[1:], after[-1]
    added = max(0, max(rows) - 1)
    if dsp_rows and adder_attributes(width, dsp=True):
        total = adder_resources(width, dsp=True) * added
    else:
        total = Resources(lut=width - next((k for k, n in enumerate(rows) if n > 1), width))
    total += Resources(lut=FULL_ADDER_SITES * (sum(heights) - sum(rows)), ff=width * max(1, added))
    for level, left in enumerate(levels, 1):
        if level % LEVELS_PER_STAGE == 0 or level == len(levels):
            total += Resources(ff=sum(left))
    return total


def adder_resources(width: int, *, dsp: bool) -> Resources:
    """What an adder of so many bits occupies, in a DSP48E1 its share."""
    if adder_attributes(width, dsp=dsp):
        return Resources(dsp=1 / next(n for widest, n in SIMD_LANES.items() if width <= widest))
    return Resources(lut=width)


def adder_attributes(width: int, *, dsp: bool) -> dict[str, str]:
    """Attributes of a combinational signal that a sum is assigned to.

    Vivado and Yosys put several such sums into one DSP48E1, and leave to a carry chain a sum for
    which there is none. Other tools make carry chains of all.
    """
    if dsp and width <= max(SIMD_LANES) and width != NEVER_PACKED:
        return {"use_dsp": "simd"}
    return {}


def add_columns(m: Module, name: str, columns: Sequence[Value], dsp_rows: int = 0) -> Value:
    """Sum of all bits, each counted ``2 ** column``, :func:`heap_latency` cycles later.

    One heap a cycle. The result is wide enough for any bits.

    Parameters
    ----------
    m : Module
        Receives the logic and the registers (domain ``sync``).
    name : str
        Prefix of the registers' names.
    columns : sequence of Value
        The bits of each column, side by side; may be empty.
    dsp_rows : int
        Rows that are left to adders in DSP48E1; 0 for a carry chain.
    """
    heights = [len(column) for column in columns]
    width, levels = heap_width(heights), len(_compressed(tuple(heights), dsp_rows)) - 1
    current = _named(m, f"{name}_bits", columns)
    for level in range(1, levels + 1):
        current = _full_adders(current)
        registered = level % LEVELS_PER_STAGE == 0 or level == levels
        current = _named(m, f"{name}_level{level}", current, registered=registered)
    rows: list[Value] = [Cat(column[row] if len(column) > row else Const(0, 1)
                             for column in current)
                         for row in range(max(1, *(len(column) for column in current)))]
    stage = 0
    while not stage or len(rows) > 1:
        last = len(rows) <= 2
        sums: list[Value] = []
        for k in range(0, len(rows), 2):
            part = f"{name}_sum" if last else f"{name}_rows{stage}_{k // 2}"
            value = rows[k]
            if k + 1 < len(rows):
                value = Signal(width, name=f"{part}_next",
                               attrs=adder_attributes(width, dsp=dsp_rows > 0))
                m.d.comb += value.eq(rows[k] + rows[k + 1])
            register = Signal(width, name=part, reset_less=True)
            m.d.sync += register.eq(value)
            sums.append(register)
        rows, stage = sums, stage + 1
    return rows[0]


def _full_adders(columns: Sequence[Value]) -> list[Value]:
    parts: list[list[Value]] = [[] for _ in range(len(columns) + 1)]
    for k, column in enumerate(columns):
        n = len(column) // 3
        a, b, c = column[:n], column[n : 2 * n], column[2 * n : 3 * n]
        if n:
            parts[k].append(a ^ b ^ c)
            parts[k + 1].append((a & b) | ((a | b) & c))
        parts[k].append(column[3 * n :])
    while parts and not sum(len(part) for part in parts[-1]):
        parts.pop()
    return [Cat(part) for part in parts]


def _named(m: Module, name: str, columns: Sequence[Value], *,
           registered: bool = False) -> list[Value]:
    """The columns as signals: an expression is evaluated once, however often it is used."""
    signals: list[Value] = []
    for k, column in enumerate(columns):
        signal = Signal(len(column), name=f"{name}_c{k}", reset_less=True)
        m.d["sync" if registered else "comb"] += signal.eq(column)
        signals.append(signal)
    return signals
