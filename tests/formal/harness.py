"""Producers, consumers and a reset around blocks, for model checking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from amaranth.hdl import ClockDomain, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from quantloom.rtl_templates.block import BlockParams

__all__ = ["Harness", "either", "port"]


class Harness(wiring.Component):
    """Producers, consumers and reset around something with streams.

    In the first cycle everything is in reset; the state before it is left open, see
    :mod:`.engine`. What is then proven holds after a reset in any state whatever.

    Members
    -------
    aclk : In(1)
    offer_k, payload_k : In
        What the producer of input ``k`` would like; what it has once offered, it keeps.
    room_k : In(1)
        Ready of output ``k``.
    bad_... : Out(1)
        A check failed.
    """

    def __init__(self, params: BlockParams, checks: Sequence[str], **members: In):
        self.params, self.checks = params, tuple(checks)
        ports: dict[str, In | Out] = {"aclk": In(1), **members}
        for k, shape in enumerate(params.inputs):
            ports |= {f"offer_{k}": In(1), f"payload_{k}": In(shape.width)}
        ports |= {f"room_{k}": In(1) for k in range(len(params.outputs))}
        super().__init__(ports | {f"bad_{check}": Out(1) for check in checks})

    def base(self) -> tuple[Module, Signal]:
        """A module with its clock domain, and whether the reset is over."""
        m = Module()
        m.domains += (domain := ClockDomain("sync"))
        started = Signal(reset_less=True, name="started")
        m.d.comb += [domain.clk.eq(self.aclk), domain.rst.eq(~started)]
        m.d.sync += started.eq(1)
        return m, started

    def wish(self, index: int) -> Value:
        """What the producer of an input would like to offer."""
        return getattr(self, f"payload_{index}")

    def drive(self, m: Module, *blocks: wiring.Component) -> tuple[list[Value], list[Value]]:
        """Join the ports of blocks of one shape.

        Returns
        -------
        offered, comes : list of Value
            By input: a beat is offered, and was not a cycle before.
        """
        offered: list[Value] = []
        comes: list[Value] = []
        for k, shape in enumerate(self.params.inputs):
            ports = [port(block, "i", k) for block in blocks]
            waiting, valid = Signal(name=f"waiting_{k}"), Signal(name=f"valid_{k}")
            held = Signal(shape.width, name=f"held_{k}", reset_less=True)
            payload = Signal(shape.width, name=f"offered_{k}")
            m.d.comb += [valid.eq(waiting | getattr(self, f"offer_{k}")),
                         payload.eq(Mux(waiting, held, self.wish(k)))]
            m.d.sync += [waiting.eq(valid & ~ports[0].ready), held.eq(payload)]
            m.d.comb += [p.valid.eq(valid) for p in ports]
            m.d.comb += [p.payload.eq(payload) for p in ports]
            offered.append(valid)
            comes.append(valid & ~waiting)
        for k in range(len(self.params.outputs)):
            m.d.comb += [port(block, "o", k).ready.eq(getattr(self, f"room_{k}"))
                         for block in blocks]
        return offered, comes


def either(flags: Sequence[Value]) -> Value:
    """Whether any of some flags is high."""
    return reduce(or_, flags, Const(0, 1))


def port(block: wiring.Component, letter: str, index: int) -> Any:
    """Stream of a block."""
    return getattr(block, f"{letter}_{index}" if index else letter)
