"""Weights of several bits as signed digits of base 4.

A weight is a sum of digits -2, -1, 0, 1 (and 2, for the highest) times powers of 4. A digit's
multiple of an operand is the operand, shifted by a place or not, complemented or not, or nothing:
each of its bits is a function of two neighbouring operand bits and of the digit. Up to eight
slots the slot's number stands for the digit, and two neurons share a LUT site; digits that are
read from a table let two neighbouring bits share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Value

from .dot_form import LUT_INPUTS, PAIRED_INPUTS, DotForm, slot_words
from .pipeline import delay
from .resources import rom_sites
from .types import IntType

__all__ = ["DigitForm"]

_OPERAND_BITS = 2
"""Operand bits that one bit of a multiple depends on."""


@dataclass(frozen=True, eq=False)
class DigitForm(DotForm):
    """Multiples of operands by base-4 digits; see the module."""

    name: ClassVar[str] = "digits"

    @property
    def applies(self) -> bool:
        return not self.weight.bipolar and self.weight.bits > 1 and not self.operand.bipolar

    @cached_property
    def word_bits(self) -> int:
        inputs = _OPERAND_BITS + self.slot_bits
        bits = self.neurons * self.operands * sum(self._code_bits)
        if self.memory == "lut":
            # LUTs of six inputs are worth no more than the table that they save.
            dear = inputs > PAIRED_INPUTS and rom_sites(bits, self.slots) < self._bits / 2
            if inputs <= LUT_INPUTS and not dear:
                return 0
        return bits

    @property
    def registered(self) -> bool:
        return self.slots > 1

    @cached_property
    def digits(self) -> np.ndarray:
        """Digits of the weights, lowest first: array (digits, slots, neurons, operands)."""
        rest, digits = self.weights.astype(np.int64), []
        while np.abs(rest).max(initial=0) > 2:
            digits.append((rest + 2) % 4 - 2)
            rest = (rest - digits[-1]) >> 2
        return np.stack([*digits, rest])

    @cached_property
    def _widths(self) -> list[int]:
        """Bits of the multiples by digit: one more than the operand's if some are doubled."""
        return [self.operand.bits + int(np.abs(d).max(initial=0) > 1) for d in self.digits]

    @property
    def _code_bits(self) -> list[int]:
        """Bits of a digit in a table: -2 to 1 are two's complement; 2 takes another."""
        return [2 if d.max(initial=0) < 2 else 3 for d in self.digits]

    @property
    def _bits(self) -> int:
        return self.neurons * self.operands * sum(self._widths)

    def heights(self, neuron: int) -> list[int]:
        heights = [0] * max(2 * k + width for k, width in enumerate(self._widths))
        for k, width in enumerate(self._widths):
            for bit in range(width):
                heights[2 * k + bit] += self.operands
        return heights

    @property
    def bit_sites(self) -> float:
        if self.slots == 1:
            return 0.0
        if not self.word_bits:
            shared = _OPERAND_BITS + self.slot_bits <= PAIRED_INPUTS
            return self._bits * (0.5 if shared else 1.0)
        chosen = sum(width * (0.5 if code == 2 else 1.0)
                     for width, code in zip(self._widths, self._code_bits, strict=True))
        return self.neurons * self.operands * chosen

    @cached_property
    def constants(self) -> np.ndarray:
        # Codes are offset binary, of signed operands too: each is too large by the offset.
        total = -self.offset * self.weights.astype(np.int64).sum(axis=2)
        for k, (digit, width) in enumerate(zip(self.digits, self._widths, strict=True)):
            total -= ((digit < 0).sum(axis=2) * ((1 << width) - 1)) << (2 * k)
        return total

    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        codes = [self.offset_binary(code) for code in operands]
        nothing = Const(0, self.operands)
        planes: list[Value] = [nothing, *self.planes(m, codes), nothing]
        result: list[list[Value]] = []
        for choices in self._choices(m, slot):
            columns: list[list[Value]] = [[] for _ in self.heights(0)]
            for k, (once, twice, negative) in enumerate(choices):
                for j in range(self._widths[k]):
                    columns[2 * k + j].append(
                        ((planes[j + 1] & once) | (planes[j] & twice)) ^ negative)
            result.append([Cat(column) for column in columns])
        return result

    def _choices(self, m: Module, slot: Value) -> list[list[tuple[Value, Value, Value]]]:
        """For each neuron and digit whether the operands count once, twice, negative: vectors."""
        if not self.word_bits:
            slot, bit = delay(m, "slot", slot), IntType(1)
            vectors = [[slot_words(flag.astype(np.int64), bit, slot) for flag in
                        (np.abs(d) == 1, np.abs(d) == 2, d < 0)] for d in self.digits]
            return [[(once[n], twice[n], negative[n]) for once, twice, negative in vectors]
                    for n in range(self.neurons)]
        # A word holds, neuron by neuron and digit by digit, planes of the digits' codes.
        fields = [digit >> bit & 1 for digit, count in
                  zip(self.digits, self._code_bits, strict=True) for bit in range(count)]
        table = np.stack(fields, axis=2)  # (slots, neurons, fields, operands)
        width = len(fields) * self.operands
        word = self.word(m, table, IntType(1), slot)
        result = []
        for n in range(self.neurons):
            start, choices = n * width, []
            for count in self._code_bits:
                low, high, top = (
                    word[start + bit * self.operands : start + (bit + 1) * self.operands]
                    for bit in (0, 1, count - 1))
                start += count * self.operands
                # Two's complement: 1 and -1 are odd, -2 and 2 are even and have the next bit.
                choices.append((low, high & ~low, top))
            result.append(choices)
        return result
