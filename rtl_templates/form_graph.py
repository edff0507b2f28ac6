"""Constant weights as a graph of adders that neurons share.

With one set of weights nothing is to be chosen: what two neurons add up alike is added up once.
Weights are split into signed digits (canonical: no two neighbours are both set), and each digit
position of a neuron is a row of -1, 0 and +1 over the operands. The pair of columns that saves
most, as a sum or as a difference, becomes a column of its own, and so on until nothing is saved:
common subexpression elimination as Hartley does it (IEEE TCAS-II 43(10), 1996), the gain counted
in bits that the heaps need not add up less the bits of the adder.

A signal of the graph is a code that is never negative, ``value + offset``: a difference adds the
complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .dot_form import DotForm
from .path import Path
from .pipeline import delay

__all__ = ["GraphForm"]

DEPTH = 3
"""Adders on a path at most: all other signals wait for the longest."""

SPAN = 64
"""Operands among which pairs are sought: the search grows with their square."""

LARGEST, MOST_NEURONS = 1 << 14, 128
"""Weights and neurons up to which a graph is sought at all: it takes seconds there, and five times
as long for twice the neurons."""


@dataclass(frozen=True)
class _Node:
    """A signal: an operand (no parts), or a sum or difference of two others.

    ``top`` is the largest code, ``offset`` what the code is above the value, ``level`` the adders
    before it.
    """

    parts: tuple[int, int] | None
    minus: bool
    top: int
    offset: int
    level: int

    @property
    def bits(self) -> int:
        """Width of the code."""
        return self.top.bit_length()


def _joined(a: _Node, b: _Node, parts: tuple[int, int], minus: bool) -> _Node:
    """The sum of two signals, or their difference as the first plus the second's complement."""
    full = (1 << b.bits) - 1
    return _Node(parts, minus, a.top + (full if minus else b.top),
                 a.offset + (full - b.offset if minus else b.offset),
                 1 + max(a.level, b.level))


def _digits(weights: np.ndarray) -> np.ndarray:
    """Canonical signed digits, lowest first: array (digits, *weights.shape) of -1, 0 and +1."""
    rest, digits = weights.astype(np.int64), []
    while rest.any():
        odd = rest & 1
        digit = np.where(odd == 1, 2 - (rest & 3), 0)  # 1 for ...01, -1 for ...11
        digits.append(digit)
        rest = (rest - digit) >> 1
    return np.stack(digits) if digits else np.zeros((1, *weights.shape), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class GraphForm(DotForm):
    """Shared adders in front of the heaps; see the module."""

    name: ClassVar[str] = "graph"

    @property
    def applies(self) -> bool:
        return (self.slots == 1 and 1 < self.neurons <= MOST_NEURONS
                and self.weights.size <= LARGEST)

    @property
    def word_bits(self) -> int:
        return 0

    @property
    def registered(self) -> bool:
        return False

    @property
    def paths(self) -> tuple[Path, ...]:
        shared = Path(what="shared sums", carry=max(node.bits for node in self.nodes))
        return (shared, *super().paths)

    @property
    def lead(self) -> int:
        return 1 + max(node.level for node in self.nodes)

    @property
    def nodes(self) -> list[_Node]:
        """The operands, then the adders, each behind its parts."""
        return self._graph[0]

    @property
    def rows(self) -> np.ndarray:
        """Which signals each digit of each neuron adds up: (digits, neurons, signals) of -1, 0,
        +1."""
        return self._graph[1]

    @cached_property
    def _graph(self) -> tuple[list[_Node], np.ndarray]:
        bits = self.operand.bits
        nodes = [_Node(None, False, (1 << bits) - 1, self.offset, 0)] * self.operands
        digits = _digits(self.weights[0])
        count = digits.shape[0] * digits.shape[1]
        flat = digits.reshape(count, self.operands)
        extra: list[np.ndarray] = []
        for start in range(0, self.operands, SPAN):
            ids = list(range(start, min(start + SPAN, self.operands)))
            columns = [flat[:, k].copy() for k in ids]
            _share(nodes, ids, columns)
            for node, column in zip(ids, columns, strict=True):
                if node < self.operands:
                    flat[:, node] = column
                else:
                    extra.append(column)
        rows = np.concatenate([flat, np.stack(extra, axis=1)], axis=1) if extra else flat
        return nodes, rows.reshape(*digits.shape[:2], len(nodes))

    def heights(self, neuron: int) -> list[int]:
        heights = [0]
        for place, row in enumerate(self.rows[:, neuron]):
            for node in np.flatnonzero(row):
                top = place + self.nodes[node].bits
                heights += [0] * (top - len(heights))
                for column in range(place, top):
                    heights[column] += 1
        return heights

    @property
    def bit_sites(self) -> float:
        return float(sum(node.bits for node in self.nodes if node.parts))

    @property
    def bit_ffs(self) -> int:
        last = [0] * len(self.nodes)  # the level up to which each signal is needed
        for node in self.nodes:
            for part in node.parts or ():
                last[part] = max(last[part], node.level - 1)
        for k in np.flatnonzero(np.abs(self.rows).sum(axis=(0, 1))):
            last[k] = self.lead - 1
        return sum(node.bits * (1 + max(0, until - node.level))
                   for node, until in zip(self.nodes, last, strict=True))

    @cached_property
    def constants(self) -> np.ndarray:
        # A code is too large by its offset; a complement is short of it by all ones.
        offsets = np.array([node.offset for node in self.nodes], dtype=np.int64)
        ones = np.array([(1 << node.bits) - 1 for node in self.nodes], dtype=np.int64)
        places = 1 << np.arange(self.rows.shape[0], dtype=np.int64)
        each = np.where(self.rows > 0, -offsets, 0) + np.where(self.rows < 0, offsets - ones, 0)
        total = (each.sum(axis=2) * places[:, None]).sum(axis=0)[None]
        if self.operand.bipolar:
            total = 2 * total - self.weights.astype(np.int64).sum(axis=2)
        return total

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        # By signal and by level from its own on.
        values: list[list[Value]] = []
        for k, code in enumerate(operands):
            values.append([delay(m, f"operand_{k}", self.offset_binary(code))])

        def at(signal: int, level: int) -> Value:
            chain = values[signal]
            while len(chain) <= level - self.nodes[signal].level:
                chain.append(delay(m, f"signal_{signal}_late{len(chain)}", chain[-1]))
            return chain[level - self.nodes[signal].level]

        for k, node in enumerate(self.nodes):
            if node.parts is None:
                continue
            first, second = (at(part, node.level - 1) for part in node.parts)
            other = Signal(len(second), name=f"addend_{k}")
            total = Signal(node.bits, name=f"signal_{k}", reset_less=True)
            m.d.comb += other.eq(~second if node.minus else second)
            m.d.sync += total.eq(first + other)
            values.append([total])
        result: list[list[Value]] = []
        for neuron in range(self.neurons):
            columns: list[list[Value]] = [[] for _ in self.heights(neuron)]
            for place, row in enumerate(self.rows[:, neuron]):
                for signal in np.flatnonzero(row):
                    code = at(int(signal), self.lead - 1)
                    code = ~code if row[signal] < 0 else code
                    for j in range(self.nodes[signal].bits):
                        columns[place + j].append(code[j])
            result.append([Cat(column) for column in columns])
        return result


def _share(nodes: list[_Node], ids: list[int], columns: list[np.ndarray]) -> None:
    """Add the adders that pay, and their columns; what they add up leaves its own columns."""
    first = len(columns)
    room = 2 * first
    table = np.zeros((room, len(columns[0])), dtype=np.int64)
    table[:first] = columns
    gains = np.zeros((room, room), dtype=np.int64)  # of pairs of columns, above the diagonal
    for k in range(first):
        _rate(nodes, ids, table, gains, k)
    while gains.any():
        i, j = divmod(int(gains.argmax()), room)
        minus = int(table[i] @ table[j]) < 0
        used = table[i] * table[j] == (-1 if minus else 1)
        k = len(ids)
        if k == room:
            table = np.concatenate([table, np.zeros_like(table)])
            gains, room = np.pad(gains, (0, room)), 2 * room
        nodes.append(_joined(nodes[ids[i]], nodes[ids[j]], (ids[i], ids[j]), minus))
        ids.append(len(nodes) - 1)
        table[k] = np.where(used, table[i], 0)
        table[i, used] = table[j, used] = 0
        for changed in (i, j, k):
            _rate(nodes, ids, table, gains, changed)
    columns[:] = list(table[: len(ids)])


def _rate(nodes: list[_Node], ids: list[int], table: np.ndarray, gains: np.ndarray,
          k: int) -> None:
    """What it saves to join one column with each of the others, in bits; 0 where it does not."""
    count = len(ids)
    members = [nodes[n] for n in ids]
    tops, bits, levels = (np.array([getattr(node, name) for node in members])
                          for name in ("top", "bits", "level"))
    signed = table[:count] @ table[k]
    uses = (np.abs(table[:count]) @ np.abs(table[k]) + np.abs(signed)) // 2
    # A difference adds the complement of the column that stands behind.
    behind = np.arange(count) > k
    complement = np.where(behind, (1 << bits) - 1 + tops[k], tops + (1 << bits[k]) - 1)
    joined = np.frexp(np.where(signed < 0, complement, tops + tops[k]))[1]  # their bits
    saved = uses * (bits + bits[k] - joined) - joined
    level = np.maximum(levels, levels[k]) + 1
    saved[(uses < 2) | (level > DEPTH) | (saved < 0)] = 0
    saved[k] = 0
    gains[k, :count] = np.where(behind, saved, 0)
    gains[:count, k] = np.where(behind, gains[:count, k], saved)
    gains[k, k] = 0
