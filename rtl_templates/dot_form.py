"""Dot products as heaps of bits: which bits, and what constant is left over.

Operands arrive as codes, whose bits are *planes* with the values 1, 2, 4, ... (the highest of a
signed code is negative; a bipolar code's one bit counts 2, less 1 for each operand). A weight
turns each plane bit into bits of the heap:

``sign``
    weights -1 and +1: the bit, or its complement, whose extra 1 is a constant.
``gate``
    weights 0 and 1: the bit or nothing.
``table``
    any weights that are constants for few time slots: ``k`` bits of a plane and the slot number
    together address a table of the sum of their ``k`` weights, a LUT6 for each bit of it.
``planes``
    any weights: each plane of the weight gates each plane of the operand.

What is subtracted to keep all bits positive is known from the weights, so it is a constant for
each result: ``dot = scale * heap + constant``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .types import IntType

__all__ = ["LUT_INPUTS", "DotForm"]

LUT_INPUTS = 6


@dataclass(frozen=True, eq=False)
class DotForm:
    """Dot products of some neurons with the same operands, slot by slot.

    Parameters
    ----------
    operand, weight : IntType
    weights : array of int, (slots, neurons, operands)
    """

    operand: IntType
    weight: IntType
    weights: np.ndarray

    @property
    def slots(self) -> int:
        """Sets of weights, one a cycle."""
        return int(self.weights.shape[0])

    @property
    def slot_bits(self) -> int:
        """Bits of the slot number."""
        return (self.slots - 1).bit_length()

    @property
    def scale(self) -> int:
        """Value of a heap bit in column 0."""
        return 2 if self.operand.bipolar else 1

    @property
    def kind(self) -> str:
        """How weights turn plane bits into heap bits; see the module."""
        if self.weight.bipolar:
            return "sign"
        if self.weight == IntType(1):
            return "gate"
        return "table" if self._table_cost < self._planes_cost else "planes"

    @property
    def absorbed(self) -> bool:
        """Whether the weights are functions of the slot number, part of the operands' LUTs.

        A full adder of three weighted bits has three inputs left, for three weight bits or for
        the number of one of eight slots.
        """
        return self.kind == "table" or self.slot_bits <= LUT_INPUTS - 3

    @property
    def group(self) -> int:
        """``table``: plane bits that one table takes."""
        return max(1, LUT_INPUTS - self.slot_bits)

    # LUTs a lane and plane, each heap bit counted once for its LUT and once for its compression.
    @property
    def _table_cost(self) -> float:
        if self.slot_bits >= LUT_INPUTS:
            return float("inf")
        bits = self.table_bits.mean() if self.table_bits.size else 0.0
        return 2.0 * float(bits) / self.group

    @property
    def _planes_cost(self) -> float:
        rom = self.weight.bits / 2 / self.operand.bits if self.slot_bits > 3 else 0.0
        return self.weight.bits * 4 / 3 + rom

    def plane_sign(self, plane: int) -> int:
        """-1 for the highest bit of a signed code, else 1."""
        return -1 if self.operand.signed and plane == self.operand.bits - 1 else 1

    @cached_property
    def _groups(self) -> np.ndarray:
        """Weights in groups, (slots, neurons, tables, group); zeros fill the last."""
        slots, neurons, operands = self.weights.shape
        tables = -(-operands // self.group)
        padded = np.zeros((slots, neurons, tables * self.group), dtype=np.int64)
        padded[:, :, :operands] = self.weights
        return padded.reshape(slots, neurons, tables, self.group)

    @property
    def table_bits(self) -> np.ndarray:
        """``table``: bits of each table's sums over all slots, (neurons, tables)."""
        largest = np.abs(self._groups).sum(axis=3).max(axis=0)
        return np.ceil(np.log2(largest + 1)).astype(np.int64)

    def table(self, neuron: int, number: int, sign: int) -> np.ndarray:
        """``table``: sums by address, (slots * 2 ** group,); the plane bits are the low address.

        ``sign`` is that of the plane. The least sum of each slot is taken off.
        """
        weights = sign * self._groups[:, neuron, number]
        bits = (np.arange(1 << self.group)[:, None] >> np.arange(self.group)) & 1
        sums = weights @ bits.T - np.minimum(weights, 0).sum(axis=1)[:, None]
        return sums.reshape(-1)

    def heights(self, neuron: int) -> list[int]:
        """Heap column heights of a neuron."""
        operands = int(self.weights.shape[2])
        columns: dict[int, int] = {}

        def put(column: int, bits: int) -> None:
            columns[column] = columns.get(column, 0) + bits

        for plane in range(self.operand.bits):
            if self.kind in ("sign", "gate"):
                put(plane, operands)
            elif self.kind == "planes":
                for bit in range(self.weight.bits):
                    put(plane + bit, operands)
            else:
                for bits in self.table_bits[neuron]:
                    for bit in range(int(bits)):
                        put(plane + bit, 1)
        return [columns.get(k, 0) for k in range(max(columns, default=0) + 1)]

    @cached_property
    def constants(self) -> np.ndarray:
        """What each dot product is above ``scale`` times the heap, (slots, neurons)."""
        w = self.weights.astype(np.int64)
        total = np.zeros(w.shape[:2], dtype=np.int64)
        for plane in range(self.operand.bits):
            sign = self.plane_sign(plane)
            if self.kind == "planes":
                for bit in range(self.weight.bits):
                    weight_sign = -1 if self.weight.signed and bit == self.weight.bits - 1 else 1
                    if sign * weight_sign < 0:  # every complemented bit
                        total -= w.shape[2] << (plane + bit)
            elif self.kind == "gate" and sign < 0:
                total -= w.shape[2] << plane
            else:
                total += np.minimum(sign * w, 0).sum(axis=2) << plane
        if self.operand.bipolar:
            total = 2 * total - w.sum(axis=2)
        return total
