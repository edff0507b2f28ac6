"""Operands added in pairs before the weights are applied.

Under weights of -1 and +1 a pair of operands contributes one of four values: its sum or its
difference, or the negative of either. Sum and difference are computed once for all neurons; a
neuron takes a bit of one of them, or its complement, as its slot asks for: one LUT for each bit
of a pair, of five inputs up to eight slots, so that two neurons share a site. If the weights come
from a table, two neurons share the site that chooses between sum and difference, and the first
full adders complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value

from .dot_form import LUT_INPUTS, PAIRED_INPUTS, DotForm, slot_words
from .path import Path
from .pipeline import delay
from .types import IntType

__all__ = ["PairForm"]

_SHARED = 2
"""Inputs of a neuron's LUT that all neurons share: a bit of the sum, a bit of the difference."""


@dataclass(frozen=True, eq=False)
class PairForm(DotForm):
    """Sums and differences of pairs of operands; see the module."""

    name: ClassVar[str] = "pairs"

    @property
    def applies(self) -> bool:
        return self.weight.bipolar and self.operand.bits > 1 and self.operands > 1

    @property
    def word_bits(self) -> int:
        if self.memory == "lut" and self.slot_bits <= LUT_INPUTS - _SHARED:
            return 0
        return self.neurons * (2 * self.pairs + self._single)

    @property
    def registered(self) -> bool:
        # Choices of a table are, before the first full adders complement them.
        return self.slots > 1 and not self.word_bits

    @property
    def lead(self) -> int:
        return self.word_latency + (self.word_bits > 0)  # with a register behind the choice

    @property
    def pairs(self) -> int:
        """Pairs of operands; one left over stays single."""
        return self.operands // 2

    @property
    def _single(self) -> bool:
        return self.operands % 2 == 1

    def heights(self, neuron: int) -> list[int]:
        bits = self.operand.bits
        return [self.pairs + self._single] * bits + [self.pairs]

    @property
    def entry(self) -> Path:
        return Path(what="input", carry=self.operand.bits + 1)

    @property
    def bit_sites(self) -> float:
        bits = sum(self.heights(0))
        if self.slots == 1:  # the choice is known
            chosen = 0.0
        elif self.word_bits:  # complementing costs the first full adders as much as the choice
            chosen = 1.1 * bits
        else:
            inputs = _SHARED + self.slot_bits
            chosen = bits * (0.5 if inputs <= PAIRED_INPUTS else 1.05)
        return self.neurons * chosen + 2 * self.pairs * (self.operand.bits + 1)

    @property
    def bit_ffs(self) -> int:
        shared = (2 * self.pairs + self._single) * (self.operand.bits + 1) + self.slot_bits
        return shared + self.neurons * (sum(self.heights(0)) + self.pairs if self.word_bits else 0)

    @cached_property
    def _choices(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether each pair gives its difference, and whether complemented: 0 or 1,
        (slots, neurons, pairs and the single)."""
        negative = self.weights < 0
        first = negative[:, :, 0::2]
        second = negative[:, :, 1::2]
        differs = first[:, :, : self.pairs] ^ second
        if self._single:
            differs = np.concatenate([differs, np.zeros_like(first[:, :, -1:])], axis=2)
        return differs.astype(np.int64), first.astype(np.int64)

    @cached_property
    def constants(self) -> np.ndarray:
        # Codes are offset binary, of signed operands too: half is what each code is too large.
        bits, half = self.operand.bits, self.offset
        differs, negative = self._choices
        # Sum: u - 2 half, its negative: (~u) - ones + 2 half. The difference is a + (~b), too
        # large by ``last``, whatever the offsets.
        ones, last = (1 << (bits + 1)) - 1, (1 << bits) - 1
        added = np.where(differs, -last, -2 * half)
        value = np.where(negative, -added - ones, added)
        if self._single:
            value[:, :, -1] = np.where(negative[:, :, -1], half - last, -half)
        return value.sum(axis=2)

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        bits = self.operand.bits
        codes = [self.offset_binary(code) for code in operands]
        sums, differences = [], []
        for k in range(self.pairs):
            total = Signal(bits + 1, name=f"sum_{k}")
            difference = Signal(bits + 1, name=f"difference_{k}")
            inverse = Signal(bits, name=f"inverse_{k}")
            m.d.comb += [
                inverse.eq(~codes[2 * k + 1]),
                total.eq(codes[2 * k] + codes[2 * k + 1]),
                difference.eq(codes[2 * k] + inverse),
            ]
            sums.append(total)
            differences.append(difference)
        if self._single:
            sums.append(Cat(codes[-1], Const(0, 1)))
            differences.append(sums[-1])
        # Bit planes of all pairs: the choice is a few operations on whole vectors.
        cycles = self.word_latency
        planes = [(delay(m, f"sums_{j}", Cat(s[j] for s in sums), cycles),
                   delay(m, f"differences_{j}", Cat(d[j] for d in differences), cycles))
                  for j in range(bits + 1)]
        result = []
        for n, (which, sign) in enumerate(self._chosen(m, slot)):
            columns = [(total & ~which) | (difference & which) for total, difference in planes]
            if self.word_bits:
                columns = [delay(m, f"pe{n}_chosen_{j}", c) for j, c in enumerate(columns)]
                sign = delay(m, f"pe{n}_sign", sign)
            columns = [column ^ sign for column in columns]
            columns[-1] = columns[-1][: self.pairs]
            result.append(columns)
        return result

    def _chosen(self, m: Module, slot: Value) -> list[tuple[Value, Value]]:
        """For each neuron whether the pairs give differences, and complements: vectors."""
        differs, negative = self._choices
        bit = IntType(1)
        if not self.word_bits:
            slot = delay(m, "slot", slot)
            return list(zip(slot_words(differs, bit, slot), slot_words(negative, bit, slot),
                            strict=True))
        width = self.word_bits // self.neurons
        word = self.word(m, np.concatenate([differs[:, :, : self.pairs], negative], axis=2), bit,
                         slot)
        fill = Const(0, self._single)  # a single one has no difference
        return [(Cat(word[n * width : n * width + self.pairs], fill),
                 word[n * width + self.pairs : (n + 1) * width]) for n in range(self.neurons)]
