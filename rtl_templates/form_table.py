"""Sums of groups of plane bits, looked up.

Some bits of a plane and the slot number together address a table of the sum of their weights, a
LUT for each bit of it. Two bits of a table that has at most five address bits share a LUT site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Value

from .dot_form import LUT_INPUTS, PAIRED_INPUTS, DotForm
from .pipeline import delay

__all__ = ["TableForm"]


@dataclass(frozen=True, eq=False)
class TableForm(DotForm):
    """Tables of sums; see the module."""

    name: ClassVar[str] = "table"

    @property
    def applies(self) -> bool:
        return self.slot_bits < LUT_INPUTS and self.memory == "lut"

    @property
    def word_bits(self) -> int:
        return 0

    @property
    def registered(self) -> bool:
        return True

    @cached_property
    def group(self) -> int:
        """Plane bits that one table takes: five or six inputs with the slot's, what is cheaper."""
        sizes = {max(1, inputs - self.slot_bits) for inputs in (PAIRED_INPUTS, LUT_INPUTS)}
        return min(sorted(sizes), key=lambda k: (self._table_sites(k) + 1)
                   * self._bits_of(k).sum())

    def _table_sites(self, group: int) -> float:
        """Sites of one bit of a table."""
        return 0.5 if group + self.slot_bits <= PAIRED_INPUTS else 1.0

    def _groups(self, group: int) -> np.ndarray:
        """Weights in groups, (slots, neurons, tables, group); zeros fill the last."""
        tables = -(-self.operands // group)
        padded = np.zeros((self.slots, self.neurons, tables * group), dtype=np.int64)
        padded[:, :, : self.operands] = self.weights
        return padded.reshape(self.slots, self.neurons, tables, group)

    def _bits_of(self, group: int) -> np.ndarray:
        largest = np.abs(self._groups(group)).sum(axis=3).max(axis=0)
        return np.ceil(np.log2(largest + 1)).astype(np.int64)

    @cached_property
    def table_bits(self) -> np.ndarray:
        """Bits of each table's sums over all slots, (neurons, tables)."""
        return self._bits_of(self.group)

    def table(self, neuron: int, number: int, sign: int) -> np.ndarray:
        """Sums by address, (slots * 2 ** group,); the plane bits are the low address.

        ``sign`` is that of the plane. The least sum of each slot is taken off.
        """
        weights = sign * self._groups(self.group)[:, neuron, number]
        bits = (np.arange(1 << self.group)[:, None] >> np.arange(self.group)) & 1
        sums = weights @ bits.T - np.minimum(weights, 0).sum(axis=1)[:, None]
        return sums.reshape(-1)

    def heights(self, neuron: int) -> list[int]:
        bits = self.table_bits[neuron]
        most = int(bits.max(initial=0))
        columns = [0] * (self.operand.bits + most - 1 if most else 1)
        for bit in range(most):
            tables = int(np.count_nonzero(bits > bit))
            for plane in range(self.operand.bits):
                columns[plane + bit] += tables
        return columns

    @property
    def bit_sites(self) -> float:
        bits = float(self.table_bits.sum()) * self.operand.bits
        return bits * self._table_sites(self.group)

    @cached_property
    def constants(self) -> np.ndarray:
        w = self.weights.astype(np.int64)
        total = np.zeros(w.shape[:2], dtype=np.int64)
        for plane in range(self.operand.bits):
            total += np.minimum(self.plane_sign(plane) * w, 0).sum(axis=2) << plane
        if self.operand.bipolar:
            total = 2 * total - w.sum(axis=2)
        return total

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        planes = self.planes(m, operands)
        slot = delay(m, "slot", slot)
        return [self._lookups(n, planes, slot) for n in range(self.neurons)]

    def _lookups(self, neuron: int, planes: Sequence[Value], slot: Value) -> list[Value]:
        columns: list[list[Value]] = [[] for _ in self.heights(neuron)]
        for j, plane in enumerate(planes):
            for number, bits in enumerate(self.table_bits[neuron]):
                group = plane[number * self.group : (number + 1) * self.group]
                sums = self.table(neuron, number, self.plane_sign(j))
                address = Cat(group, Const(0, self.group - len(group)), slot[: self.slot_bits])
                for bit in range(int(bits)):
                    column = np.packbits((sums >> bit & 1).astype(np.uint8), bitorder="little")
                    table = Const(int.from_bytes(column.tobytes(), "little"), len(sums))
                    columns[j + bit].append(table.bit_select(address, 1))
        return [Cat(column) for column in columns]
