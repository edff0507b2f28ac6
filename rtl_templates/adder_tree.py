"""Pipelined balanced adder tree, portable form."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value

__all__ = ["adder_tree", "tree_latency"]

BITS_PER_COUNTER = 6
"""One-bit terms are counted in groups of this size first: a 6-input counter is three LUT6."""
LEVELS_PER_STAGE = 2
"""Adder levels between two registers."""


def _levels(count: int, *, single_bit: bool) -> int:
    levels = 0
    if single_bit and count > 1:
        count, levels = -(-count // BITS_PER_COUNTER), 1
    while count > 1:
        count, levels = (count + 1) // 2, levels + 1
    return levels


def tree_latency(count: int, *, single_bit: bool) -> int:
    """Cycles through :func:`adder_tree` for ``count`` terms, of one bit or wider."""
    return -(-_levels(count, single_bit=single_bit) // LEVELS_PER_STAGE)


def adder_tree(m: Module, name: str, terms: Sequence[Value]) -> Value:
    """Sum of the terms, :func:`tree_latency` cycles later, one set of terms a cycle.

    Terms of one bit and unsigned are counted in groups of six first. The sum never overflows:
    it is as wide as Amaranth's ``+`` makes it.

    Parameters
    ----------
    m : Module
        Receives the logic and the registers (domain ``sync``).
    name : str
        Prefix of the registers' names.
    terms : sequence of Value
        At least one; all of one shape.
    """
    level, stage = 0, 0
    single_bit = max(len(term) for term in terms) == 1
    depth = _levels(len(terms), single_bit=single_bit)
    values = list(terms)
    while len(values) > 1:
        group = BITS_PER_COUNTER if level == 0 and single_bit else 2
        values = [_plus(values[k : k + group]) for k in range(0, len(values), group)]
        level += 1
        if level % LEVELS_PER_STAGE == 0 or level == depth:
            registers = []
            for k, value in enumerate(values):
                register = Signal(value.shape(), name=f"{name}_s{stage}_{k}")
                m.d.sync += register.eq(value)
                registers.append(register)
            values, stage = registers, stage + 1
    return values[0]


def _plus(values: Sequence[Value]) -> Value:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
