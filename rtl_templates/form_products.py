"""Products in DSP48E1 multipliers, several neurons' weights in one factor.

The weights of some neurons for the same operand lie side by side in the wide factor, ``pitch``
bits apart, signs and all; one multiplication gives all their products side by side. A product
that is negative borrows 1 from the one above it, which its sign tells. Products may be one bit
wider than the pitch: their highest bit then lies on the lowest of the product above, which is
known from the lowest bits of its factors. Only weights without their lowest code are that narrow:
four of 4 bits and an operand of 4 bits make one multiplication, two of 8 bits and an operand of 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, signed

from .dot_form import DotForm
from .path import Path
from .pipeline import delay, pack_codes
from .types import IntType

__all__ = ["ProductForm"]

FACTOR_BITS, OPERAND_BITS = 25, 18
"""Signed inputs of a DSP48E1's multiplier."""

SMALLEST_PRODUCT = 9
"""Bits of a product from which synthesis takes a DSP48E1; narrower ones it makes of LUTs."""

LUT_MULTIPLIER = 1.5
"""LUT sites of a multiplier in LUTs, by the product of its factors' bits."""

STAGES = 3
"""Registers of a multiplier: its inputs, the product, the output."""


@dataclass(frozen=True, eq=False)
class ProductForm(DotForm):
    """Products of operands and packed weights; see the module."""

    name: ClassVar[str] = "products"

    @property
    def applies(self) -> bool:
        return (not self.operand.bipolar and self.operand.bits < OPERAND_BITS
                and self._weight_bits <= FACTOR_BITS)

    @cached_property
    def _weight_bits(self) -> int:
        """Bits of a signed weight, -1 and +1 and unsigned ones included."""
        low, high = int(self.weights.min()), int(self.weights.max())
        return max(2, IntType.for_range(min(low, -1), high).bits)

    @property
    def pitch(self) -> int:
        """Bits from a product to the next."""
        return self._weight_bits + self.operand.bits - 1

    @cached_property
    def _narrow(self) -> bool:
        """Whether a weight less 1 still has the weights' bits."""
        return int(self.weights.min()) > -(1 << (self._weight_bits - 1))

    @cached_property
    def packed(self) -> int:
        """Weights in a factor: as FINN counts them (arXiv 2201.11409)."""
        room = FACTOR_BITS - (not self._narrow) - self._weight_bits
        return min(self.neurons, 1 + room // self.pitch)

    @property
    def groups(self) -> int:
        """Groups of neurons that share multipliers."""
        return -(-self.neurons // self.packed)

    @property
    def dsps(self) -> int:
        return 0 if self._small else self.operands * self.groups

    @property
    def _small(self) -> bool:
        """Whether the products are too narrow for a DSP48E1."""
        return self._factor_type.bits + self.operand.bits < SMALLEST_PRODUCT

    @property
    def word_bits(self) -> int:
        return self.operands * self.groups * self._factor_type.bits if self.slots > 1 else 0

    @property
    def registered(self) -> bool:
        return False

    @property
    def lead(self) -> int:
        return self.word_latency + STAGES - 1

    def heights(self, neuron: int) -> list[int]:
        heights = [self.operands] * (self.pitch + 1)
        if neuron % self.packed:
            heights[0] += self.operands  # the borrow
        return heights

    @property
    def paths(self) -> tuple[Path, ...]:
        factors = self._factor_type.bits, self.operand.bits + 1
        product = Path(what="product", luts=1 + (self.operand.bits - 1).bit_length(),
                       carry=sum(factors), fanout=factors[0], factors=factors)
        return (product, *super().paths)

    @property
    def bit_sites(self) -> float:
        sites = float(self.operands * (self.neurons - self.groups))
        if self._small:
            area = self._factor_type.bits * self.operand.bits
            sites += LUT_MULTIPLIER * area * self.operands * self.groups
        return sites

    @property
    def bit_ffs(self) -> int:
        return STAGES * self.operands * (self.packed - 1) * self.groups  # the others are in DSPs

    @cached_property
    def constants(self) -> np.ndarray:
        # Codes are offset binary, of signed operands too. The highest bit of a product counts
        # negative: its complement is one more, in each.
        total = -self.offset * self.weights.astype(np.int64).sum(axis=2)
        return total - (self.operands << self.pitch)

    @cached_property
    def _factors(self) -> np.ndarray:
        """Packed weights, (slots, groups, operands)."""
        w = np.zeros((self.slots, self.groups * self.packed, self.operands), dtype=np.int64)
        w[:, : self.neurons] = self.weights
        grouped = w.reshape(self.slots, self.groups, self.packed, self.operands)
        return (grouped << (self.pitch * np.arange(self.packed))[:, None]).sum(axis=2)

    @property
    def _factor_type(self) -> IntType:
        bits = self._weight_bits + self.pitch * (self.packed - 1)
        return IntType(bits + (self.packed > 1 and not self._narrow), signed=True)

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        factor = self._factor_type
        width = self.operands * factor.bits
        if self.word_bits:
            word = self.word(m, self._factors, factor, slot)
            words = [word[g * width : (g + 1) * width] for g in range(self.groups)]
        else:
            one = Const(pack_codes(self._factors, factor)[0], self.groups * width)
            words = [one[g * width : (g + 1) * width] for g in range(self.groups)]
        heap: list[list[list[Value]]] = [[[] for _ in self.heights(n)]
                                         for n in range(self.neurons)]
        for k, code in enumerate(operands):
            operand = delay(m, f"operand_{k}", self.offset_binary(code), self.word_latency)
            for g, group in enumerate(words):
                weight = group[k * factor.bits : (k + 1) * factor.bits]
                fields = self._multiply(m, f"{g}_{k}", operand, weight)
                for place, (product, borrow) in enumerate(fields):
                    neuron = g * self.packed + place
                    if neuron == self.neurons:
                        break
                    for j in range(self.pitch + 1):
                        heap[neuron][j].append(product[j])
                    if place:
                        heap[neuron][0].append(borrow)
        return [[Cat(column) for column in columns] for columns in heap]

    def _multiply(self, m: Module, name: str, operand: Value,
                  weight: Value) -> list[tuple[Value, Value]]:
        """Products of a packed factor, their highest bits complemented, and what each lacks."""
        factor = self._factor_type
        width = factor.bits + self.operand.bits + 1
        a = Signal(signed(self.operand.bits + 1), name=f"a_{name}", reset_less=True)
        b = Signal(signed(factor.bits), name=f"b_{name}", reset_less=True)
        m.d.comb += [a.eq(operand), b.eq(weight)]
        product = Signal(signed(width), name=f"product_{name}", reset_less=True)
        m.d.sync += product.eq(a * b)
        result = delay(m, f"result_{name}", product)
        # The lowest bit of each product by itself, where the highest of the one below lies on it.
        # A weight lacks 1 if those below it are negative together: their highest bit tells.
        starts = [place * self.pitch for place in range(1, self.packed)]
        lowest = delay(m, f"lowest_{name}", Cat(a[0] & (b[start] ^ b[start - 1])
                                                for start in starts), STAGES - 1)
        fields: list[tuple[Value, Value]] = []
        borrow: Value = result[0]
        for place in range(self.packed):
            start = place * self.pitch
            top = result[start + self.pitch]
            if place + 1 < self.packed:
                top = top ^ lowest[place]
            fields.append((Cat(result[start : start + self.pitch], ~top), borrow))
            borrow = top
        return fields
