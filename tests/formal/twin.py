"""A block beside itself with a wider output: whether the declared type holds every result."""

from __future__ import annotations

from dataclasses import fields, replace

from amaranth.hdl import Module, Value
from amaranth.lib import wiring

from quantloom.rtl_templates.block import BlockParams
from quantloom.rtl_templates.types import IntType

from .harness import Harness, either, port

__all__ = ["Twin", "has_range", "widened"]

SPARE_BITS = 6
"""By which the twin is wider: more than a sum of what the small blocks add up."""


def has_range(params: BlockParams) -> bool:
    """Whether results of the block are made in a type that is declared."""
    declared = {field.name for field in fields(params)}  # type: ignore[arg-type]
    return "output_type" in declared and not params.outputs[0].type.bipolar


def widened(params: BlockParams) -> BlockParams:
    """The block with a wider output."""
    wide = IntType(params.outputs[0].type.bits + SPARE_BITS, signed=True)
    return replace(params, output_type=wide)  # type: ignore[type-var]


class Twin(Harness):
    """A block and the same one with a wider output, on the same streams.

    ``range``
        Their results are equal: no sum wraps, whatever comes in. Both in the same cycle.

    Parameters
    ----------
    params : BlockParams
        With an ``output_type``.
    """

    def __init__(self, params: BlockParams):
        self.wide = widened(params)
        super().__init__(params, ("range",))

    def elaborate(self, platform: object) -> Module:
        m, started = self.base()
        blocks: list[wiring.Component] = [self.params.create(), self.wide.create()]
        m.submodules.dut, m.submodules.wide = blocks
        self.drive(m, *blocks)
        narrow, wide = (port(block, "o", 0) for block in blocks)
        shape = self.params.outputs[0]
        differ: list[Value] = [
            narrow.valid & (narrow.payload[lane] != wide.payload[lane])
            for lane in range(shape.lanes)]
        differ.append(narrow.valid != wide.valid)
        differ += [port(blocks[0], "i", k).ready != port(blocks[1], "i", k).ready
                   for k in range(len(self.params.inputs))]
        m.d.comb += self.bad_range.eq(started & either(differ))
        return m
