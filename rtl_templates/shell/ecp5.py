"""The top of an ECP5: the serial shell, its clock from a PLL, and a sign of life."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from .ecp5_pll import PllSettings, pll
from .serial import SerialShell

__all__ = ["Ecp5Top"]

BLINK_BITS = 25
"""Of the counter whose highest bit is the LED: about a second at 50 MHz."""


class Ecp5Top(wiring.Component):
    """A whole bitstream's design.

    Parameters
    ----------
    shell : SerialShell
    settings : PllSettings
        Their clock is the shell's.

    Members
    -------
    clk : In(1)
        The board's.
    rx : In(1); tx : Out(1)
    led : Out(1)
        Blinks while the clock runs.
    """

    def __init__(self, shell: SerialShell, settings: PllSettings):
        self.shell, self.settings = shell, settings
        super().__init__({"clk": In(1), "rx": In(1), "tx": Out(1), "led": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        locked = Signal()
        blink = Signal(BLINK_BITS)
        m.submodules.pll = pll(self.settings, self.clk, domain.clk, locked)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        m.submodules.shell = shell = self.shell
        m.d.sync += blink.eq(blink + 1)
        m.d.comb += [shell.rx.eq(self.rx), self.tx.eq(shell.tx), self.led.eq(blink[-1])]
        return m
