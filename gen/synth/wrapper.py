"""A module with few pins around one with many, so that it can be placed alone.

Inputs come from one shift register, and outputs are caught in another, which is read out in
series: every path of the module begins and ends in a register, and none is optimised away.
"""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.back import rtlil
from amaranth.hdl import Cat, ClockSignal, Elaboratable, Instance, Module, Signal

__all__ = ["WRAPPER", "wrapper_rtlil"]

WRAPPER = "wrapper"
"""Name of the module; its ports are ``clk``, ``rst``, ``d``, ``load`` and ``q``."""


class _Wrapper(Elaboratable):
    def __init__(self, top: str, ports: Mapping[str, tuple[str, int]], clock: str):
        self.top, self.ports, self.clock = top, ports, clock
        self.d = Signal()
        self.load = Signal()
        self.q = Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wires = {name: Signal(width, name=f"w_{name}")
                 for name, (_, width) in self.ports.items() if name != self.clock}
        ins = Cat(wires[n] for n in wires if self.ports[n][0] == "input")
        outs = Cat(wires[n] for n in wires if self.ports[n][0] == "output")
        shift = Signal(len(ins))
        caught = Signal(len(outs))
        loaded = Signal()
        m.d.sync += [shift.eq(Cat(self.d, shift)), loaded.eq(self.load)]
        m.d.sync += caught.eq(caught >> 1)
        with m.If(loaded):
            m.d.sync += caught.eq(outs)
        m.d.comb += [ins.eq(shift), self.q.eq(caught[0])]
        letters = {"input": "i", "output": "o"}
        m.submodules.block = Instance(self.top, **{
            f"{letters[way]}_{name}": ClockSignal() if name == self.clock else wires[name]
            for name, (way, _) in self.ports.items()})
        return m


def wrapper_rtlil(top: str, ports: Mapping[str, tuple[str, int]], clock: str) -> str:
    """RTLIL of the wrapper.

    Parameters
    ----------
    top : str
        The module inside; it becomes the instance ``block``.
    ports : mapping of str to (str, int)
        Its ports: ``input`` or ``output``, and bits.
    clock : str
        Which of them is the clock.
    """
    wrapper = _Wrapper(top, ports, clock)
    return rtlil.convert(wrapper, name=WRAPPER, emit_src=False,
                         ports=[wrapper.d, wrapper.load, wrapper.q])
