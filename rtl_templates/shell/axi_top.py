"""The shell for who has a processor system of their own: AXI4-Lite, AXI4, an interrupt."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import axi_signature, lite_signature
from .params import BUS_BYTES, ShellParams, register_map
from .shell import Shell

__all__ = ["AxiTop", "axi_top_signature"]


def axi_top_signature(params: ShellParams) -> wiring.Signature:
    """Ports of an :class:`AxiTop`."""
    return wiring.Signature({
        "aclk": In(1), "aresetn": In(1),
        "s_axi": In(lite_signature(register_map(params).address_bits)),
        "m_axi": Out(axi_signature(8 * BUS_BYTES)),
        "interrupt": Out(1),
    })


class AxiTop(wiring.Component):
    """A shell with clock and reset as ports. Reset is synchronous and takes effect a cycle later.

    Parameters
    ----------
    params : ShellParams

    Members
    -------
    aclk, aresetn : In(1)
    s_axi : In(AXI4-Lite)
    m_axi : Out(AXI4)
    interrupt : Out(1)
    """

    def __init__(self, params: ShellParams):
        self.params = params
        super().__init__(axi_top_signature(params))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        domain.clk = self.aclk
        # From a register, whose output is free to be spread over the chip.
        reset = Signal(init=1, reset_less=True)
        m.d.sync += reset.eq(~self.aresetn)
        m.d.comb += domain.rst.eq(reset)
        m.submodules.shell = shell = Shell(self.params)
        wiring.connect(m, wiring.flipped(self.s_axi), shell.s_axi)
        wiring.connect(m, shell.m_axi, wiring.flipped(self.m_axi))
        m.d.comb += self.interrupt.eq(shell.interrupt)
        return m
