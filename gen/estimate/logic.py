"""Logic bit by bit, as synthesis sees it before it maps anything.

A signal is a *literal*: twice the number of a node, plus 1 if it is complemented; node 0 is the
constant 0. Equal logic is one node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "AND", "LEAF", "MUX", "XOR", "Bits", "Chain", "Inputs", "Logic", "Product", "Register",
    "Store", "known_bits",
]  # fmt: skip

Bits = tuple[int | None, ...]
"""What is known of a word's bits: 0 or 1, or which other one a bit equals, as twice the place of
that plus 2, plus 1 if it is its complement; None: nothing."""

Inputs = tuple[Bits, ...]
"""The same of the payloads of several streams."""

LEAF, AND, XOR, MUX = range(4)
"""Kinds of nodes."""


@dataclass
class Chain:
    """A carry chain: an adder, with the bits of its operands, or a comparison.

    A comparison has, lowest first, where its operands are equal and where the first is greater; or
    the operands' bits where it is a subtraction. ``used`` is the number of bits that something
    reads, ``low`` how many of the lowest nothing is added to, ``simd`` whether DSPs may take it,
    ``carry`` what leaves it so far if it is no carry chain but plain logic.
    """

    operands: tuple[list[int], list[int]]
    compares: bool = False
    minus: bool = False
    simd: bool = False
    used: int = 0
    low: int = 0
    carry: int = 0
    outputs: list[int] = field(default_factory=list)


@dataclass
class Product:
    """A multiplication that DSPs take: literals of its factors, whether they are signed, and how
    many zeros stand below the product."""

    factors: tuple[list[int], list[int]]
    outputs: list[int]
    signed: bool
    zeros: int = 0


@dataclass
class Register:
    """A flip-flop: what it takes, when, and what resets it to what; literals.

    An ``enable`` of 1 and a ``reset`` of 0 are none.
    """

    node: int
    data: int
    enable: int
    reset: int
    value: int
    init: int


@dataclass
class Store:
    """A memory: its size as far as it is read, ports, and literals at its inputs.

    ``enabled`` is whether the read port has an enable, ``merged`` whether it is synchronous since
    it took in the registers that it is read into.
    """

    width: int
    depth: int
    written: bool
    synchronous: bool
    style: str
    inputs: list[int]
    outputs: list[int]
    transparent: bool
    enabled: bool
    words: tuple[int, ...] = ()
    merged: bool = False


def known_bits(literals: Sequence[int]) -> Bits:
    """What can be said of a word's bits without knowing what they are made of."""
    first: dict[int, int] = {}
    known: list[int | None] = []
    for place, literal in enumerate(literals):
        if literal < 2:
            known.append(literal)
            continue
        other = first.setdefault(literal >> 1, place)
        flip = (literal ^ literals[other]) & 1
        known.append(None if other == place else 2 * other + 2 + flip)
    return tuple(known)


class Logic:
    """Nodes, and what they are read by.

    Attributes
    ----------
    kind, first, second, third : list of int
        By node; literals of its inputs. A multiplexer gives its second if its first is 1.
    registers : dict of int to Register
        By node.
    chains, products, stores
    roots : list of int
        Literals at the outputs.
    outputs : dict of str to list of int
        The same by port, but for those that are only watched.
    inputs : dict of str to list of int
        Literals of the bits that are read of each port.
    tables : dict of int to int
        Nodes that are bits of tables of constants, and the tables' address bits.
    """

    def __init__(self) -> None:
        self.kind = [LEAF]
        self.first, self.second, self.third = [0], [0], [0]
        self._known: dict[tuple[int, int, int, int], int] = {}
        self._tables: dict[tuple[int, ...], int] = {}
        self.registers: dict[int, Register] = {}
        self.chains: list[Chain] = []
        self.products: list[Product] = []
        self.stores: list[Store] = []
        self.roots: list[int] = []
        self.outputs: dict[str, list[int]] = {}
        self.inputs: dict[str, list[int]] = {}
        self.tables: dict[int, int] = {}

    def leaf(self) -> int:
        """A new node that no logic drives."""
        self.kind.append(LEAF)
        for inputs in (self.first, self.second, self.third):
            inputs.append(0)
        return 2 * (len(self.kind) - 1)

    def _node(self, kind: int, a: int, b: int, c: int = 0) -> int:
        key = (kind, a, b, c)
        found = self._known.get(key)
        if found is None:
            self.kind.append(kind)
            self.first.append(a)
            self.second.append(b)
            self.third.append(c)
            found = self._known[key] = 2 * (len(self.kind) - 1)
        return found

    def and_(self, a: int, b: int) -> int:
        """Both."""
        if a > b:
            a, b = b, a
        if a < 2:
            return b if a else 0
        if a == b:
            return a
        return 0 if a ^ b == 1 else self._node(AND, a, b)

    def or_(self, a: int, b: int) -> int:
        """Any."""
        return self.and_(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        """Exactly one."""
        inverted = (a ^ b) & 1
        a, b = a & ~1, b & ~1
        if a > b:
            a, b = b, a
        if not a:
            return b ^ inverted
        return inverted if a == b else self._node(XOR, a, b) ^ inverted

    def mux(self, s: int, a: int, b: int) -> int:
        """``a`` if ``s``, else ``b``. A constant stays at its input: a register may want it."""
        if s < 2:
            return a if s else b
        if a == b:
            return a
        if s & 1:
            s, a, b = s ^ 1, b, a
        if a ^ b == 1:
            return self.xor(s, b)
        if a & 1:
            return self._node(MUX, s, a ^ 1, b ^ 1) ^ 1
        return self._node(MUX, s, a, b)

    def all(self, bits: Sequence[int]) -> int:
        """Conjunction, as a balanced tree."""
        level = sorted(set(bits))
        while len(level) > 1:
            level = [self.and_(*level[k : k + 2]) if k + 1 < len(level) else level[k]
                     for k in range(0, len(level), 2)]
        return level[0] if level else 1

    def any(self, bits: Sequence[int]) -> int:
        """Disjunction."""
        return self.all([bit ^ 1 for bit in bits]) ^ 1

    def parity(self, bits: Sequence[int]) -> int:
        """Exclusive or."""
        level = list(bits) or [0]
        while len(level) > 1:
            level = [self.xor(*level[k : k + 2]) if k + 1 < len(level) else level[k]
                     for k in range(0, len(level), 2)]
        return level[0]

    def majority(self, a: int, b: int, c: int) -> int:
        """Two of three."""
        return self.or_(self.and_(a, b), self.and_(self.or_(a, b), c))

    def table(self, words: int, index: Sequence[int]) -> int:
        """The literal of a bit of a table of constants: that of a number, the first one lowest."""
        if not index:
            return words & 1
        key = (words, *index)
        found = self._tables.get(key)
        if found is None:
            half = 1 << len(index) - 1
            low, high = words & ((1 << half) - 1), words >> half
            found = self._tables[key] = self.mux(
                index[-1], self.table(high, index[:-1]), self.table(low, index[:-1]))
        return found

    def choose(self, words: Sequence[int | None], index: Sequence[int]) -> int | None:
        """The literal of a number, as a tree of multiplexers; None is anything."""
        if len(words) == 1:
            return words[0]
        level = (len(words) - 1).bit_length() - 1
        if level >= len(index):
            return self.choose(words[: 1 << len(index)], index)
        half = 1 << level
        low = self.choose(words[:half], index[:level])
        high = self.choose(words[half:], index[:level])
        if low is None or high is None:
            return high if low is None else low
        return self.mux(index[level], high, low)
