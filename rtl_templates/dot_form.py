"""Dot products as heaps of bits: which bits, and what constant is left over.

A *form* is one way to turn the operands of some neurons and their weights into bits that are
added up (:mod:`.bit_heap`). Operands arrive as codes, whose bits are *planes* with the values 1,
2, 4, ... (the highest of a signed code is negative; a bipolar code's one bit counts 2, less 1 for
each operand). What is subtracted to keep all bits positive is known from the weights, so it is a
constant for each result: ``dot = scale * heap + constant``.

Few sets of weights, one for each *time slot*, are part of the LUTs that make the bits: a function
of some operand bits and of the slot's number. More sets are read from a table. Each form is a
module of its own; :func:`.dot_products.best_form` takes the smallest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Value

from .bit_heap import LEVELS_PER_STAGE, heap_resources, heap_width
from .path import Path, table_levels
from .pipeline import delay, pack_codes
from .resources import Resources
from .rom import plan_rom, read_rom, rom_latency, rom_resources
from .types import IntType

__all__ = ["LUT_INPUTS", "PAIRED_INPUTS", "DotForm", "slot_words"]

LUT_INPUTS = 6

PAIRED_INPUTS = 5
"""Inputs of two functions that share a LUT site."""


@dataclass(frozen=True, eq=False)
class DotForm(ABC):
    """Dot products of some neurons with the same operands, slot by slot.

    Parameters
    ----------
    operand, weight : IntType
    weights : array of int, (slots, neurons, operands)
    memory : str
        Where weights are that are read from a table: ``lut`` or ``block``. In block RAM they are
        always read, however few the slots.
    dsp_rows : int
        Rows of the heaps that adders in DSP48E1 add up.
    """

    operand: IntType
    weight: IntType
    weights: np.ndarray
    memory: str = "lut"
    dsp_rows: int = 0

    name: ClassVar[str]

    @property
    @abstractmethod
    def applies(self) -> bool:
        """Whether this form can compute these weights at all."""

    @property
    @abstractmethod
    def word_bits(self) -> int:
        """Bits that are read from a table each cycle; 0 if the weights are part of the LUTs."""

    @property
    @abstractmethod
    def registered(self) -> bool:
        """Whether the heap's bits are best registered before they are added up.

        They are where each is a LUT of its own: together with the first full adders, synthesis
        would break up the pairs of functions that share a site. They are not where the first
        full adders take in the logic that makes the bits.
        """

    @property
    def lead(self) -> int:
        """Cycles from operands and slot number to :meth:`columns`."""
        return self.word_latency

    @abstractmethod
    def heights(self, neuron: int) -> list[int]:
        """Heap column heights of a neuron."""

    @property
    @abstractmethod
    def constants(self) -> np.ndarray:
        """What each dot product is above ``scale`` times the heap, (slots, neurons)."""

    @property
    @abstractmethod
    def bit_sites(self) -> float:
        """LUT sites of all that makes the heaps' bits, but for tables of weights."""

    @property
    def bit_ffs(self) -> int:
        """Flip-flops in front of the heaps, but for those of tables."""
        return self.operands * self.operand.bits + self.slot_bits

    @property
    def dsps(self) -> int:
        """Multipliers."""
        return 0

    @abstractmethod
    def columns(self, m: Module, operands: Sequence[Value], slot: Value) -> list[list[Value]]:
        """The bits of each neuron's heap by column, ``lead`` cycles after operands and slot.

        Parameters
        ----------
        m : Module
            Receives the logic (domain ``sync``).
        operands : sequence of Value
            Codes.
        slot : Value
            Number of the set of weights.
        """

    @property
    def slots(self) -> int:
        """Sets of weights, one a cycle."""
        return int(self.weights.shape[0])

    @property
    def neurons(self) -> int:
        """Neurons that share the operands."""
        return int(self.weights.shape[1])

    @property
    def operands(self) -> int:
        """Operands of a cycle."""
        return int(self.weights.shape[2])

    @property
    def slot_bits(self) -> int:
        """Bits of the slot number."""
        return (self.slots - 1).bit_length()

    @property
    def scale(self) -> int:
        """Value of a heap bit in column 0."""
        return 2 if self.operand.bipolar else 1

    @property
    def word_latency(self) -> int:
        """Cycles from the slot number to :meth:`word`, at least 1."""
        return rom_latency(self.word_bits, self.slots, self.memory) if self.word_bits else 1

    @cached_property
    def resources(self) -> Resources:
        """What operands to sums occupy."""
        heaps = [heap_resources(self.heights(n), self.dsp_rows) for n in range(self.neurons)]
        bits = sum(sum(self.heights(n)) for n in range(self.neurons)) if self.registered else 0
        total = Resources(lut=self.bit_sites, ff=self.bit_ffs + bits, dsp=self.dsps)
        if self.word_bits:
            total += rom_resources(self.word_bits, self.slots, self.memory)
        return sum(heaps, total)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The longest paths from operands and slot number to the sums."""
        heights = [self.heights(n) for n in range(self.neurons)]
        bits = sum(map(sum, heights))
        # The slot's number goes to all LUTs that make bits; an operand to all neurons.
        chosen = bits if self.slots > 1 and not self.word_bits else self.neurons
        found = [Path(what="heap", luts=LEVELS_PER_STAGE + (not self.registered and self.slots > 1),
                      fanout=1 if self.registered else chosen),
                 Path(what="sum of the heap", luts=0, carry=max(map(heap_width, heights)))]
        if self.registered:
            found.append(Path(what="bits of the heap", luts=1, fanout=chosen))
        if self.word_bits and self.slots > 1:
            block = self.memory == "block"
            found.append(plan_rom(self.word_bits, self.slots).path("weights") if block
                         else Path(what="weights", luts=table_levels(self.slots),
                                   fanout=self.word_bits))
        return tuple(found)

    @property
    def entry(self) -> Path:
        """From the operands to the first registers."""
        return Path(what="input")

    def word(self, m: Module, codes: np.ndarray, type_: IntType, slot: Value) -> Value:
        """The slot's codes from the table, side by side, :attr:`word_latency` cycles later.

        Parameters
        ----------
        m : Module
        codes : array of int, (slots, ...)
        type_ : IntType
        slot : Value
        """
        return read_rom(m, "weights", pack_codes(codes, type_), slot, self.word_bits, self.memory)

    @property
    def offset(self) -> int:
        """What an operand's :meth:`offset_binary` is above the operand."""
        return 1 << (self.operand.bits - 1) if self.operand.signed else 0

    def offset_binary(self, code: Value) -> Value:
        """An operand's code as an unsigned number: the lowest operand is 0."""
        top = self.operand.bits - 1
        return Cat(code[:top], ~code[top]) if self.operand.signed else code[: top + 1]

    def planes(self, m: Module, codes: Sequence[Value]) -> list[Value]:
        """The operands' bits of each value side by side, :attr:`lead` cycles later.

        Parameters
        ----------
        m : Module
        codes : sequence of Value
            By operand.
        """
        return [delay(m, f"plane_{j}", Cat(code[j] for code in codes), self.lead)
                for j in range(self.operand.bits)]

    def plane_sign(self, plane: int) -> int:
        """-1 for the highest bit of a signed code, else 1."""
        return -1 if self.operand.signed and plane == self.operand.bits - 1 else 1


def slot_words(values: np.ndarray, type_: IntType, slot: Value) -> list[Value]:
    """Each neuron's codes as a function of the slot number.

    Parameters
    ----------
    values : array of int, (slots, neurons, elements)
    type_ : IntType
    slot : Value

    Returns
    -------
    list of Value
        By neuron, elements side by side.
    """
    slots, neurons, elements = values.shape
    width = elements * type_.bits
    words = []
    for n in range(neurons):
        table = pack_codes(values[:, n].reshape(1, -1), type_)[0]
        words.append(Const(table, slots * width).word_select(slot, width)
                     if slots > 1 else Const(table, width))
    return words
