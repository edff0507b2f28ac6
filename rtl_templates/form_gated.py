"""Plane bits under single weight bits.

Weights of -1 and +1: the bit, or its complement, whose extra 1 is a constant. Others: each plane
of the weight gates each plane of the operand. A full adder of three such bits has three inputs
left, for three weight bits or for the number of one of eight slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Module, Value

from .dot_form import LUT_INPUTS, DotForm, slot_words
from .pipeline import delay

__all__ = ["GatedForm"]


@dataclass(frozen=True, eq=False)
class GatedForm(DotForm):
    """XNOR or AND of plane bits and weight bits; see the module."""

    name: ClassVar[str] = "gated"

    @property
    def applies(self) -> bool:
        return True

    @property
    def word_bits(self) -> int:
        absorbed = self.slot_bits <= LUT_INPUTS - 3 and self.memory == "lut"
        return 0 if absorbed else self.neurons * self.operands * self.weight.bits

    @property
    def registered(self) -> bool:
        return False

    def heights(self, neuron: int) -> list[int]:
        heights = [0] * (self.operand.bits + self.weight.bits - 1)
        for plane in range(self.operand.bits):
            for bit in range(self.weight.bits):
                heights[plane + bit] += self.operands
        return heights

    @property
    def bit_sites(self) -> float:
        # The first full adders take in the gates, and a site more.
        bits = self.operands * self.operand.bits * self.weight.bits
        return self.neurons * bits * 0.45 if self.slots > 1 else 0.0

    @cached_property
    def constants(self) -> np.ndarray:
        w = self.weights.astype(np.int64)
        total = np.zeros(w.shape[:2], dtype=np.int64)
        for plane in range(self.operand.bits):
            sign = self.plane_sign(plane)
            if self.weight.bipolar:
                total += np.minimum(sign * w, 0).sum(axis=2) << plane
                continue
            for bit in range(self.weight.bits):
                if sign * self._weight_sign(bit) < 0:  # every complemented bit
                    total -= self.operands << (plane + bit)
        if self.operand.bipolar:
            total = 2 * total - w.sum(axis=2)
        return total

    def _weight_sign(self, bit: int) -> int:
        return -1 if self.weight.signed and bit == self.weight.bits - 1 else 1

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        planes = self.planes(m, operands)
        if self.word_bits:
            width = self.operands * self.weight.bits
            word = self.word(m, self.weights, self.weight, slot)
            words = [word[n * width : (n + 1) * width] for n in range(self.neurons)]
        else:
            words = slot_words(self.weights, self.weight, delay(m, "slot", slot))
        return [self._gate(word, planes) for word in words]

    def _gate(self, word: Value, planes: Sequence[Value]) -> list[Value]:
        bits = self.weight.bits
        columns: list[list[Value]] = [[] for _ in range(len(planes) + bits - 1)]
        for j, plane in enumerate(planes):
            for b in range(bits):
                weight = (Cat(word[k * bits + b] for k in range(self.operands)) if bits > 1
                          else word)
                if self.weight.bipolar:
                    # Codes of -1 and +1 are 0 and 1: complement under -1, or +1 where the plane
                    # is negative.
                    term = plane ^ weight if self.plane_sign(j) < 0 else ~(plane ^ weight)
                else:
                    negative = self.plane_sign(j) * self._weight_sign(b) < 0
                    term = ~(plane & weight) if negative else plane & weight
                columns[j + b].append(term[: self.operands])
        return [Cat(column) for column in columns]
