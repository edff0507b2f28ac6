"""Weighted sum of streams of one shape, as where branches of a network meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .adder_tree import adder_tree, tree_latency
from .block import BlockComponent
from .elementwise import JoinParams
from .path import Path, and_levels
from .pipeline import decode, issue
from .queue import credit_paths, credit_resources
from .resources import Resources
from .types import IntType

__all__ = ["Add", "AddParams"]


@dataclass(frozen=True, kw_only=True)
class AddParams(JoinParams):
    """``sum(multipliers[k] * x[k])``, element by element.

    Parameters
    ----------
    multipliers : tuple of int
        One an input.
    input_types, output_type, lanes, beats, depth
        See :class:`.JoinParams`.

    Raises
    ------
    ValueError
        If there are not as many multipliers as inputs, or none, or the output is bipolar.
    """

    multipliers: tuple[int, ...]

    kind = "add"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.multipliers) != len(self.input_types):
            raise ValueError(
                f"multipliers must be {len(self.input_types)} integers, not {self.multipliers!r}"
            )

    @property
    def product_type(self) -> IntType:
        """Type that holds every product."""
        ends = [m * v for m, t in zip(self.multipliers, self.input_types, strict=True)
                for v in (t.lo, t.hi)]
        return IntType.for_range(min(ends), max(ends))

    @property
    def pipeline(self) -> int:
        """Products, adder tree."""
        return 1 + tree_latency(len(self.input_types), single_bit=self.product_type.bits == 1)

    @property
    def resources(self) -> Resources:
        terms, bits = len(self.input_types), self.product_type.bits
        total = credit_resources(self.outputs[0].width, self.pipeline, self.depth)
        # Products that are not just shifted; wide ones go into DSP48E1, with the registers.
        factors = [m for m in self.multipliers if m not in (0, 1) and abs(m).bit_count() > 1]
        dsp = len(factors) * self.lanes if bits > 8 else 0
        negations = sum(m < 0 for m in self.multipliers)
        lane = (bits + 1) * (terms - 1) + 0.8 * bits * (len(factors) + negations)
        registers = bits * (2 * terms - 1)
        if dsp:
            lane, registers = 0, bits
        return total + Resources(lut=4 + lane * self.lanes, ff=registers * self.lanes + 3, dsp=dsp)

    @property
    def paths(self) -> tuple[Path, ...]:
        bits, terms = self.product_type.bits, len(self.input_types)
        return (Path(what="sum", luts=1 if terms > 2 else 0, carry=bits + 2),
                Path(what="issue", luts=1 + and_levels(terms + 1), fanout=terms + 2),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        if all(m in (0, 1) for m in self.multipliers):
            return Path(what="input")
        bits = self.product_type.bits
        # A power of two is a shift, another constant a factor like any.
        factor = max((abs(m).bit_length() for m in self.multipliers if abs(m).bit_count() > 1),
                     default=0)
        other = max(t.bits for t in self.input_types)
        return Path(what="input", luts=2 if factor else 1, carry=bits,
                    factors=(factor, other) if factor and other > 1 else ())

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        total = np.zeros((self.beats, self.lanes), dtype=np.int64)
        for multiplier, x in zip(self.multipliers, beats, strict=True):
            total += multiplier * np.asarray(x, dtype=np.int64)
        return (total,)

    def create(self) -> Add:
        return Add(self)


class Add(BlockComponent[AddParams]):
    """Weighted sum; see :class:`AddParams` for what it computes.

    A beat of every input is taken at once. One beat a cycle, latency ``params.latency`` cycles.

    Members
    -------
    i, i_1, ... : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        ports = [getattr(self, f"i_{k}" if k else "i") for k in range(len(p.input_types))]
        go = Signal()
        queue = issue(m, go, ports, self.o, p.pipeline, depth=p.depth)
        results = []
        for lane in range(p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            products = []
            for k, (port, type_) in enumerate(zip(ports, p.input_types, strict=True)):
                # All of one shape, as the adder tree wants them.
                product = Signal(p.product_type.shape, name=f"product_{k}", reset_less=True)
                value = decode(port.payload[lane], type_)
                unit.d.sync += product.eq(_times(value, p.multipliers[k]))
                products.append(product)
            result = Signal(p.output_type.shape, name=f"result_{lane}")
            m.d.comb += result.eq(adder_tree(unit, "sum", products))
            results.append(result)
        m.d.comb += queue.payload.eq(Cat(results))
        return m


def _times(value: Value, multiplier: int) -> Value:
    """Product; a negative power of two negates and shifts, where Yosys would take a multiplier."""
    if multiplier < 0 and abs(multiplier).bit_count() == 1:
        return (-value) << (abs(multiplier).bit_length() - 1)
    return value * multiplier
