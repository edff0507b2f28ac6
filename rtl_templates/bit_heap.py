"""Compressor trees: adding up columns of bits.

A sum of many small numbers is a heap of bits, a column for each power of two. A full adder takes
three bits of a column and leaves one there and one in the next; on 7-series its two functions of
the same three inputs share one LUT site. Columns are compressed in this way until two rows are
left, which a carry chain adds. Carry chains of two-operand adders would take as many sites, but
break the heap into short chains that fill slices badly.

A level of full adders on a column is three bitwise operations on vectors, so the description,
and the simulation of it, stay small.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value

from .resources import Resources

__all__ = ["add_columns", "heap_latency", "heap_resources"]

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


def _levels(heights: Sequence[int]) -> int:
    levels = 0
    while max(heights) > 2:
        heights, levels = _next_heights(heights), levels + 1
    return levels


def heap_latency(heights: Sequence[int]) -> int:
    """Cycles through :func:`add_columns` for columns of these heights."""
    return -(-_levels(heights) // LEVELS_PER_STAGE) + 1


def heap_resources(heights: Sequence[int]) -> Resources:
    """What :func:`add_columns` occupies: a LUT site for each bit that vanishes, registers.

    Synthesis does not find all pairs of functions that could share a site.
    """
    width = sum(height << k for k, height in enumerate(heights)).bit_length()
    sites, ffs = 1.15 * max(0, sum(heights) - width), max(1, width)
    levels = _levels(heights)
    for level in range(1, levels + 1):
        heights = _next_heights(heights)
        if level % LEVELS_PER_STAGE == 0 or level == levels:
            ffs += sum(heights)
    return Resources(lut=sites, ff=ffs)


def add_columns(m: Module, name: str, columns: Sequence[Value]) -> Value:
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
    """
    heights = [len(column) for column in columns]
    width = sum(height << k for k, height in enumerate(heights)).bit_length()
    levels = _levels(heights)
    current = _named(m, f"{name}_bits", columns)
    for level in range(1, levels + 1):
        current = _full_adders(current)
        registered = level % LEVELS_PER_STAGE == 0 or level == levels
        current = _named(m, f"{name}_level{level}", current, registered=registered)
    rows = [Cat(column[row] if len(column) > row else Const(0, 1) for column in current)
            for row in range(2)]
    total = Signal(max(1, width), name=f"{name}_sum", reset_less=True)
    m.d.sync += total.eq(rows[0] + rows[1] if any(len(c) > 1 for c in current) else rows[0])
    return total


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
